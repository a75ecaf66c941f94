// A contributor's first minutes: register, upload with progress, prompt, follow the stream, read what came of it.
//
//     npm install && npm start http://127.0.0.1:8000 brief.txt
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import WebSocket from 'ws';
import { Api } from './api.js';
import { AnnounceAsset, AssetState, CreateProject, FollowPrompt, Outputs, Register, SignOut, SubmitPrompt } from './operations.js';

const [url = 'http://127.0.0.1:8000', path = 'package.json'] = process.argv.slice(2);
const api = new Api(url, WebSocket);

const email = `${randomUUID()}@example.org`;
const password = randomUUID();
const { registerContributor } = await api.ask(Register, { input: { email, password, displayName: 'Ada' } });
api.signedIn(registerContributor.session.token ?? undefined);
console.log('registered');

const { createProject } = await api.ask(CreateProject, { name: 'A first project' }, randomUUID());
const projectId = createProject.project.id;

const file = new Blob([await readFile(path)]);
const announced = { projectId, fileName: basename(path), mediaType: 'text/plain', byteSize: file.size };
const { createAsset } = await api.ask(AnnounceAsset, { input: announced }, randomUUID());
await api.upload(createAsset.uploadUrl, file, (sent, total) => console.log(`uploaded ${sent} of ${total}`));
const { asset } = await api.ask(AssetState, { id: createAsset.asset.id });
console.log(`asset ${asset.status} ${asset.checksum}`);

const brief = { projectId, text: 'Write one line about a river.', assetIds: [createAsset.asset.id], parameters: { maxTokens: 24 } };
const { submitPrompt } = await api.ask(SubmitPrompt, { input: brief }, randomUUID());
for await (const { promptProgress } of api.follow(FollowPrompt, { id: submitPrompt.prompt.id })) {
  const writing = promptProgress.steps.find((step) => step.partialText);
  console.log(`prompt ${promptProgress.prompt.status} ${promptProgress.percentage} % ${writing?.partialText ?? ''}`);
}

const { prompt } = await api.ask(Outputs, { id: submitPrompt.prompt.id });
for (const { node } of prompt.outputs.edges) console.log(`output ${node.variation} ${node.text}`);

await api.ask(SignOut, {});
await api.close();
console.log('signed out');
