// A Sparkplug B edge node on sparkplug-client in group g, node e1, device m3; answers the request for births.
//   node sparkplug_edge.js PORT
// Ten times a second: good (UInt32, counts up), temp (Int32, negative), state (UInt16); prints REBIRTH when asked.
const { newClient } = require("sparkplug-client");

let count = 0;
const metrics = () => [
  { name: "good", type: "UInt32", value: count, timestamp: Date.now() },
  { name: "temp", type: "Int32", value: -67, timestamp: Date.now() },
  { name: "state", type: "UInt16", value: 1, timestamp: Date.now() },
];
const client = newClient({
  serverUrl: "tcp://127.0.0.1:" + process.argv[2], username: "", password: "", groupId: "g", edgeNode: "e1",
  clientId: "edge-e1", version: "spBv1.0", publishDeath: true, keepalive: 5,
});
function birth() {
  client.publishNodeBirth({ timestamp: Date.now(), metrics: [{ name: "Node Control/Rebirth", type: "Boolean", value: false }] });
  client.publishDeviceBirth("m3", { timestamp: Date.now(), metrics: metrics() });
}
client.on("birth", birth);
client.on("ncmd", () => { console.log("REBIRTH"); birth(); });
client.on("connect", () => console.log("READY"));
setInterval(() => {
  count++;
  client.publishDeviceData("m3", { timestamp: Date.now(), metrics: metrics() });
}, 100);
