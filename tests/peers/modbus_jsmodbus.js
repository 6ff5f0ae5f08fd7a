// A Modbus TCP server on jsmodbus with 100 registers: a read past its end gets a short normal reply.
//   node modbus_jsmodbus.js PORT
// holding 0 float32 123.25 ABCD, 20 the same DCBA; coil 1 is on.
const net = require("net");
const modbus = require("jsmodbus");

const holding = Buffer.alloc(200), coils = Buffer.alloc(10);
holding.writeFloatBE(123.25, 0);
holding.writeFloatLE(123.25, 40);
coils[0] = 0b10;
const listener = new net.Server();
new modbus.server.TCP(listener, { holding, coils });
listener.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("READY"));
