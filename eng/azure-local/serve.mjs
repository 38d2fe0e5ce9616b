// The stand-ins of Azure services on this machine: Azurite (Blob and Queue storage) and the Cosmos protocol server, on free loopback ports.
//
//   node serve.mjs --modules FOLDER [--data FOLDER]
//
// FOLDER holds node_modules with the packages that package.json names. Prints one line of JSON with the addresses when everything answers, and ends,
// with its children, when its standard input ends or a signal comes: whoever starts it cannot leave it behind. Nothing is kept between two runs.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const option = name => { const at = process.argv.indexOf(name); return at < 0 ? undefined : process.argv[at + 1]; };
const modules = resolve(option('--modules') ?? '.');
const require = createRequire(join(modules, 'package.json'));
const data = mkdtempSync(join(option('--data') ?? tmpdir(), 'skylight-azurite-'));
const host = '127.0.0.1';

// The Cosmos protocol server knows nothing of query plans, which the SDK asks for before any query with an order, an aggregate or a continuation.
// The plan that it gets says: one range, nothing to rewrite, nothing to merge. That is right for a store of one partition range.
const plan = JSON.stringify({
  partitionedQueryExecutionInfoVersion: 2,
  queryInfo: {
    distinctType: 'None', top: null, offset: null, limit: null, orderBy: [], orderByExpressions: [], groupByExpressions: [], groupByAliases: [],
    aggregates: [], groupByAliasToAggregateType: {}, rewrittenQuery: '', hasSelectValue: false, hasNonStreamingOrderBy: false,
  },
  queryRanges: [{ min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false }],
});

function cosmos() {
  const { createHttpServer } = require('@vercel/cosmosdb-server');

  // It numbers databases by base64 ids that stand in paths, and does not escape them: those with a slash or a plus would not be found. They are passed over.
  const databases = require('@vercel/cosmosdb-server/lib/account/databases.js').default.prototype;
  const idOf = databases._rid;
  databases._rid = function (number) {
    let at = 0;
    for (let usable = 0; usable < number;) if (!/[+/]/.test(idOf.call(this, ++at))) usable++;
    return idOf.call(this, at);
  };
  const server = createHttpServer({ keepAlive: true });
  // Longer than any client keeps an idle connection: one that the server closes first looks like a lost answer.
  server.keepAliveTimeout = 600_000;
  const [serve] = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    if (/^true$/i.test(request.headers['x-ms-cosmos-is-query-plan-request'] ?? '')) {
      request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json', 'x-ms-request-charge': '0' }).end(plan));
      return;
    }
    request.headers['x-ms-documentdb-query-enablecrosspartition'] = 'True';
    serve(request, response);
  });
  return new Promise(done => server.listen(0, host, () => done(server.address().port)));
}

// It chooses free ports itself and says which: a port that somebody else found free for it may be taken before it listens.
async function azurite() {
  const script = require.resolve('azurite/dist/src/azurite.js');
  const at = kind => [`--${kind}Host`, host, `--${kind}Port`, '0'];
  // Idle connections stay open for longer than any test keeps them: a request on one that is being closed would be sent, and counted, twice.
  const child = spawn(process.execPath, [script, '--silent', '--disableTelemetry', '--skipApiVersionCheck', '--location', data, ...at('blob'), ...at('queue'), ...at('table'),
    '--blobKeepAliveTimeout', '600', '--queueKeepAliveTimeout', '600'], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.on('exit', code => end(code ?? 1));
  const ports = {};
  const lines = createInterface({ input: child.stdout });
  await new Promise(ready => lines.on('line', line => {
    const found = /^Azurite (Blob|Queue|Table) service is successfully listening at http:\/\/[^:]+:(\d+)$/.exec(line);
    if (found) ports[found[1].toLowerCase()] = found[2];
    if (ports.blob && ports.queue && ports.table) ready();
  }));
  return { child, ...ports };
}

let storage;
let ending = false;
function end(code) {
  if (ending) return;
  ending = true;
  storage?.child.kill();
  rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(0));
process.stdin.resume().on('end', () => end(0)).on('close', () => end(0));

// The emulators' published keys: they protect nothing.
const account = 'devstoreaccount1';
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const cosmosKey = 'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==';
storage = await azurite();
const blobUrl = `http://${host}:${storage.blob}/${account}`;
const queueUrl = `http://${host}:${storage.queue}/${account}`;
const cosmosUrl = `http://${host}:${await cosmos()}/`;
const connection = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};BlobEndpoint=${blobUrl};QueueEndpoint=${queueUrl}`;

// Settings of a host that keeps its archive there.
const settings = {
  'Skylight:Store': 'azure',
  'Skylight:Ingress:AccountName': account,
  'Skylight:Ingress:AccountKey': accountKey,
  'Skylight:Ingress:ServiceUrl': blobUrl,
  'Skylight:Queues:ConnectionString': connection,
  'Skylight:Objects:ConnectionString': connection,
  'Skylight:Objects:CreateContainer': 'true',
  'Skylight:Cosmos:Endpoint': cosmosUrl,
  'Skylight:Cosmos:Key': cosmosKey,
  'Skylight:Cosmos:Gateway': 'true',
  'Skylight:Cosmos:LimitToEndpoint': 'true',
  'Skylight:Cosmos:CreateContainers': 'true',
  'Skylight:Cosmos:AllowWeakConsistency': 'true',
};
console.log(JSON.stringify({ account, accountKey, blobUrl, queueUrl, cosmosUrl, cosmosKey, connectionString: connection, settings }));
