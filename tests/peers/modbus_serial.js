// A Modbus TCP server on modbus-serial, unit 1 only, 100 registers: other units are met with silence.
//   node modbus_serial.js PORT
// holding 0 float32 123.25 ABCD, input 10 the same CDAB; addresses from 100 up answer exception 2.
const { ServerTCP } = require("modbus-serial");

const bytes = Buffer.alloc(4);
bytes.writeFloatBE(123.25);
const high = bytes.readUInt16BE(0), low = bytes.readUInt16BE(2);
const registers = { 0: high, 1: low, 10: low, 11: high };
function read(address) {
  if (address >= 100) throw Object.assign(new Error("illegal data address"), { modbusErrorCode: 2 });
  return registers[address] || 0;
}
const server = new ServerTCP(
  { getHoldingRegister: read, getInputRegister: read },
  { host: "127.0.0.1", port: Number(process.argv[2]), unitID: 1 },
);
server.on("initialized", () => console.log("READY"));
server.on("socketError", () => {});
