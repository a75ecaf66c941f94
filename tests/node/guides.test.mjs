// What the guide for frontend developers shows runs, piece after piece, as it stands there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const here = import.meta.dirname;
const guide = await readFile(join(here, '..', '..', 'docs', 'guides', 'frontend.md'), 'utf8');
const blocks = [...guide.matchAll(/```(js|graphql)\n([\s\S]*?)```/g)].map(([, language, text]) => ({ language, text }));
const address = 'http://127.0.0.1:8000';

test('the pieces of the guide run one after the other, and its operations by what they made', async () => {
  const place = join(here, 'node_modules', '.guide');
  await rm(place, { recursive: true, force: true });
  await mkdir(place);
  const asked = blocks.filter(({ language }) => language === 'graphql').map(({ text }) => text);
  const scripts = blocks.filter(({ language }) => language === 'js').map(({ text }) => text);
  assert.deepEqual([asked.length, scripts.length], [2, 8]);
  // A WebSocket of its own is what browsers, and Node from 22 on, have.
  const before = `import { WebSocket } from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n`;
  const after = `
    const { projects } = await ask(${JSON.stringify(asked[0])});
    const { nodes } = await ask(${JSON.stringify(asked[1])}, { ids: projects.edges.map(({ node }) => node.id) });
    console.log(JSON.stringify({ projects, nodes }));`;
  const script = join(place, 'guide.mjs');
  await writeFile(script, before + scripts.join('\n').replace(address, process.env.WORKING_URL) + after);
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  await rm(place, { recursive: true });
  const [status, found] = stdout.trim().split('\n');
  assert.equal(status, 'COMPLETED');
  const { projects, nodes } = JSON.parse(found);
  assert.deepEqual([projects.totalCount, projects.edges[0].node.name], [1, 'Harbour']);
  assert.ok(projects.edges[0].node.viewerCan.includes('SUBMIT_PROMPT'));
  assert.deepEqual(nodes[0].assets.edges.map(({ node }) => node.status), ['AVAILABLE']);
});
