// node-opcua's client of the loaded server: `node client.js ENDPOINT TAGS VALUES` prints {"values", "cpu_s"}.
// CPU seconds (user and system) from the moment every item has shown its initial value.
console.log = (...words) => console.error(...words); // node-opcua talks
const {
  OPCUAClient, ClientSubscription, ClientMonitoredItemGroup, AttributeIds, TimestampsToReturn, SecurityPolicy, MessageSecurityMode,
} = require("node-opcua");

const [endpoint, tags, values] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

async function main() {
  const client = OPCUAClient.create({ endpointMustExist: false, securityPolicy: SecurityPolicy.None, securityMode: MessageSecurityMode.None });
  await client.connect(endpoint);
  const session = await client.createSession();
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: 100, requestedLifetimeCount: 6000, requestedMaxKeepAliveCount: 50, maxNotificationsPerPublish: 0,
    publishingEnabled: true, priority: 1,
  });
  const nodes = [...Array(tags).keys()].map((n) => ({ nodeId: `ns=2;s=t${n}`, attributeId: AttributeIds.Value }));
  let count = 0, begun, before = -1, idle = 0;
  const group = ClientMonitoredItemGroup.create(subscription, nodes, { samplingInterval: 50, queueSize: 1000, discardOldest: true }, TimestampsToReturn.Both);
  group.on("changed", () => {
    count += 1;
    if (count === tags) begun = process.cpuUsage();
  });
  const timer = setInterval(() => {
    const now = count - tags;
    idle = now === before ? idle + 1 : 0;
    before = now;
    if (now < values && (idle < 30 || now < 1)) return;
    clearInterval(timer);
    const used = process.cpuUsage(begun);
    process.stdout.write(JSON.stringify({ values: now, cpu_s: (used.user + used.system) / 1e6 }) + "\n");
    process.exit(0);
  }, 100);
}

main().catch((error) => { console.error(error); process.exit(1); });
