// What frontend developers generate from schema.graphql: relay-compiler and GraphQL Code Generator run on it as it is
// committed, and what comes of them works against a server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { ask, authorization, graphql, url } from './server.mjs';

const run = promisify(execFile);
const here = import.meta.dirname;
const root = join(here, '..', '..');
const tools = join(here, 'node_modules');
const place = join(tools, '.generated'); // below the packages, so that they are found from it
const examples = join(place, 'examples', 'typescript');
const relay = await mkdtemp(join(tmpdir(), 'relay-')); // which relay-compiler would not look for below packages

const tool = (name, cwd, ...args) => run(join(tools, '.bin', name), args, { cwd });
const texts = async (folder) => Object.fromEntries(await Promise.all((await readdir(folder)).sort().map(
  async (name) => [name, await readFile(join(folder, name), 'utf8')])));

before(async () => {
  await rm(place, { recursive: true, force: true });
  await cp(join(root, 'examples', 'typescript'), examples, { recursive: true, filter: (name) => !/node_modules|dist/.test(name) });
  await cp(join(here, 'relay'), relay, { recursive: true });
  for (const folder of [place, relay]) await cp(join(root, 'schema.graphql'), join(folder, 'schema.graphql'));
  await mkdir(join(relay, 'artifacts'));
});
after(() => Promise.all([place, relay].map((each) => rm(each, { recursive: true, force: true }))));

test('GraphQL Code Generator writes the types that stand in examples/typescript', async () => {
  const committed = await texts(join(examples, 'src', 'generated'));
  await rm(join(examples, 'src', 'generated'), { recursive: true });
  await tool('graphql-codegen', examples, '--config', 'codegen.json');
  assert.deepEqual(await texts(join(examples, 'src', 'generated')), committed, 'run `npm run generate` in examples/typescript');
});

test('the TypeScript client compiles, and lives a contributor\'s first minutes', async () => {
  await tool('tsc', examples);
  await writeFile(join(examples, 'brief.txt'), 'A quiet brief about rivers.\n'.repeat(90_000));
  const { stdout } = await run(process.execPath, ['dist/main.js', process.env.WORKING_URL, 'brief.txt'], { cwd: examples });
  const lines = stdout.trim().split('\n');
  assert.equal(lines[0], 'registered');
  const size = 28 * 90_000;
  const sent = lines.filter((line) => line.startsWith('uploaded'));
  assert.deepEqual(sent, [0, 1 << 20, 2 << 20, size].map((each) => `uploaded ${each} of ${size}`));
  assert.ok(lines.some((line) => /^asset AVAILABLE sha256:[0-9a-f]{64}$/.test(line)), stdout);
  const followed = lines.filter((line) => line.startsWith('prompt '));
  assert.match(followed.at(-1), /^prompt COMPLETED 100 %/);
  assert.match(lines.find((line) => line.startsWith('output')), /^output 1 ./);
  assert.equal(lines.at(-1), 'signed out');
});

test('a typo in an operation is found where it is generated, and where it is compiled', async () => {
  const file = join(examples, 'src', 'operations.ts');
  const right = await readFile(file, 'utf8');
  await writeFile(file, right.replace('viewerCan', 'viewerMay'));
  await assert.rejects(tool('graphql-codegen', examples, '--config', 'codegen.json'), /viewerMay/);
  await writeFile(file, right);
  await writeFile(join(examples, 'src', 'main.ts'), (await readFile(join(examples, 'src', 'main.ts'), 'utf8')).replace('asset.checksum', 'asset.checksums'));
  await assert.rejects(tool('tsc', examples), ({ stdout }) => /checksums/.test(stdout));
});

test('relay-compiler compiles queries, pages, refetches, mutations and subscriptions, and writes the documents served here', async () => {
  const committed = await readFile(join(here, 'relay', 'documents.json'), 'utf8');
  const { stdout } = await tool('relay-compiler', relay, 'relay.config.json');
  assert.match(stdout, /5 normalization/);
  assert.deepEqual(JSON.parse(await readFile(join(relay, 'documents.json'), 'utf8')), JSON.parse(committed));
});

async function documentId(name) {
  const documents = JSON.parse(await readFile(join(here, 'relay', 'documents.json'), 'utf8'));
  return Object.entries(documents).find(([, text]) => text.includes(`${name}(`))[0];
}

test('Relay\'s documents run by their hash alone, over HTTP and over a WebSocket', async () => {
  for (const name of ['one', 'two', 'three']) {
    await ask('mutation($name: String!) { createProject(input: {name: $name}) { auditEventId } }', { name });
  }
  const asked = { documentId: await documentId('projectsPageQuery'), variables: { count: 2 } };
  const headers = { 'content-type': 'application/json', authorization };
  const overHttp = await (await fetch(graphql, { method: 'POST', headers, body: JSON.stringify(asked) })).json();
  assert.equal(overHttp.errors, undefined);
  assert.equal(overHttp.data.projects.edges.length, 2);
  const socket = createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { authorization } });
  const overSocket = [];
  for await (const { data } of socket.iterate({ query: '', ...asked })) overSocket.push(data); // the client wants a text
  await socket.dispose();
  assert.deepEqual(overSocket, [overHttp.data]);
});

test('a Relay page goes on after its last cursor, back before its first, and is refetched by node', async () => {
  const asking = async (name, variables) => {
    const body = JSON.stringify({ documentId: await documentId(name), variables });
    const answer = await fetch(graphql, { method: 'POST', headers: { 'content-type': 'application/json', authorization }, body });
    const { data, errors } = await answer.json();
    assert.equal(errors, undefined);
    return data;
  };
  const names = ({ projects }) => projects.edges.map(({ node }) => node.id);
  const first = await asking('projectsPageQuery', { count: 2 });
  const next = await asking('projectsListPaginationQuery', { count: 1, cursor: first.projects.edges[1].cursor });
  const back = await asking('projectsListPaginationQuery', { last: 5, before: next.projects.edges[0].cursor });
  assert.deepEqual(names(back).slice(-2), names(first));
  const { node } = await asking('projectsAssetsPaginationQuery', { id: names(first)[0] });
  assert.deepEqual(node.assets.edges, []);
});
