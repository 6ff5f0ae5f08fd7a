// An independent OPC UA server with history (node-opcua): `node opcua_server.js PORT [TAGS=4] [EVERY_MS=120] [HISTORY=yes]`.
//
// Endpoint opc.tcp://127.0.0.1:PORT/x, security None. Nodes ns=1;s=t0, ns=1;s=t1, ... count up by one each EVERY_MS,
// with one source time for all, until the process gets SIGUSR2; each counts from 1. With HISTORY=yes all are kept.
// Prints READY, and after SIGUSR2 one line {"count": n}: every tag had the values 1 to n. SIGUSR1 starts the counting.
console.log = (...words) => console.error(...words); // node-opcua talks: standard output is for the lines above
const say = (words) => process.stdout.write(words + "\n");
const os = require("os");
const path = require("path");
const fs = require("fs");
const { OPCUAServer, OPCUACertificateManager, DataType, StatusCodes, MessageSecurityMode, SecurityPolicy, nodesets } = require("node-opcua");

const [port, tags, everyMs, history] = [Number(process.argv[2]), Number(process.argv[3] || 4), Number(process.argv[4] || 120), process.argv[5] || "yes"];

const STEPS = 4;

async function main() {
  const own = fs.mkdtempSync(path.join(os.tmpdir(), "opcua-peer-"));
  const certificates = new OPCUACertificateManager({ rootFolder: own, automaticallyAcceptUnknownCertificate: true });
  await certificates.initialize();
  const server = new OPCUAServer({
    port, hostname: "127.0.0.1", resourcePath: "/x", serverCertificateManager: certificates, userCertificateManager: certificates,
    serverInfo: { applicationUri: "urn:shopfloor:peer" }, allowAnonymous: true, nodeset_filename: [nodesets.standard],
    securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None],
    serverCapabilities: { operationLimits: { maxMonitoredItemsPerCall: 3, maxNodesPerHistoryReadData: 2 } },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own_space = space.getOwnNamespace();
  const nodes = [];
  for (let i = 0; i < tags; i++) {
    const node = own_space.addVariable({
      organizedBy: space.rootFolder.objects, browseName: `t${i}`, nodeId: `s=t${i}`, dataType: DataType.Double, minimumSamplingInterval: 10,
    });
    node.setValueFromSource({ dataType: DataType.Double, value: 0 }, StatusCodes.Good);
    if (history === "yes") space.installHistoricalDataNode(node, { maxOnlineValues: 100000 });
    nodes.push(node);
  }
  await server.start();
  let count = 0;
  let timer;
  process.on("SIGUSR1", () => {
    const tick = () => {
      count += 1;
      const at = new Date();
      nodes.forEach((node) => node.setValueFromSource({ dataType: DataType.Double, value: count }, StatusCodes.Good, at));
      wait(STEPS);
    };
    // In steps, each a turn of the loop: samplers come to run between two values even in a process that was held up.
    const wait = (steps) => { timer = setTimeout(() => (steps > 1 ? wait(steps - 1) : tick()), everyMs / STEPS); };
    if (!timer) wait(STEPS);
  });
  process.on("SIGUSR2", () => {
    clearTimeout(timer);
    say(JSON.stringify({ count }));
  });
  say("READY");
}

main().catch((error) => { console.error(error); process.exit(1); });
