/* A Modbus TCP server on libmodbus with 100 registers; holding 0 is float32 123.25, high word first.
 *   modbus_libmodbus PORT
 */
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    modbus_t *bus = modbus_new_tcp("127.0.0.1", argc > 1 ? atoi(argv[1]) : 1502);
    modbus_mapping_t *map = modbus_mapping_new(100, 100, 100, 100);
    map->tab_registers[0] = 0x42F6;
    map->tab_registers[1] = 0x8000;
    int listener = modbus_tcp_listen(bus, 1);
    printf("READY\n");
    fflush(stdout);
    for (;;) {
        uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
        int size;
        if (modbus_tcp_accept(bus, &listener) < 0)
            return 1;
        while ((size = modbus_receive(bus, query)) >= 0)
            if (size > 0)
                modbus_reply(bus, query, size, map);
        modbus_close(bus);
    }
}
