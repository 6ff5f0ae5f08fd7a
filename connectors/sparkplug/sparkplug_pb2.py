"""Generated from sparkplug.proto; a test holds both to the same fields. Do not edit."""

from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf import symbol_database as _symbol_database
from google.protobuf.internal import builder as _builder

_sym_db = _symbol_database.Default()

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile(
    b'\n\x0fsparkplug.proto\x12\x13shopfloor.sparkplug"\xe4\x03\n\x07Payload\x12\x11\n\ttimestamp\x18\x01 \x01(\x04\x124\n\x07metrics\x18\x02 \x03(\x0b2#.shopfloor.sparkplug.Payload.Metric\x12\x0b\n\x03seq\x18\x03 \x01(\x04\x12\x0c\n\x04uuid\x18\x04 \x01(\t\x12\x0c\n\x04body\x18\x05 \x01(\x0c\x1a\xe6\x02\n\x06Metric\x12\x0c\n\x04name\x18\x01 \x01(\t\x12\r\n\x05alias\x18\x02 \x01(\x04\x12\x11\n\ttimestamp\x18\x03 \x01(\x04\x12\x10\n\x08datatype\x18\x04 \x01(\r\x12\x15\n\ris_historical\x18\x05 \x01(\x08\x12\x14\n\x0cis_transient\x18\x06 \x01(\x08\x12\x0f\n\x07is_null\x18\x07 \x01(\x08\x12\x13\n\tint_value\x18\n \x01(\rH\x00\x12\x14\n\nlong_value\x18\x0b \x01(\x04H\x00\x12\x15\n\x0bfloat_value\x18\x0c \x01(\x02H\x00\x12\x16\n\x0cdouble_value\x18\r \x01(\x01H\x00\x12\x17\n\rboolean_value\x18\x0e \x01(\x08H\x00\x12\x16\n\x0cstring_value\x18\x0f \x01(\tH\x00\x12\x15\n\x0bbytes_value\x18\x10 \x01(\x0cH\x00\x12\x17\n\rdataset_value\x18\x11 \x01(\x0cH\x00\x12\x18\n\x0etemplate_value\x18\x12 \x01(\x0cH\x00B\x07\n\x05valueb\x06proto2'
)

_globals = globals()
_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, _globals)
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, "sparkplug_pb2", _globals)
