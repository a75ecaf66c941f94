// Subscriptions with the clients that browsers use: graphql-ws, and graphql-sse in its distinct connections mode.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createClient as overSocket } from 'graphql-ws';
import { createClient as overEvents } from 'graphql-sse';
import WebSocket from 'ws';
import { ask, authorization, graphql } from './server.mjs';

const socket = overSocket({ url: graphql.replace('http', 'ws'), webSocketImpl: WebSocket, connectionParams: { authorization } });
const events = overEvents({ url: graphql, headers: { authorization } });
after(() => { socket.dispose(); events.dispose(); });

const FOLLOW = 'subscription($id: ID!) { promptProgress(promptId: $id) { percentage prompt { status } } }';

async function submitted() {
  const { createProject } = await ask('mutation { createProject(input: {name: "Streams"}) { project { id } } }');
  const input = { projectId: createProject.project.id, text: 'A line about rivers.', variations: 1 };
  const { submitPrompt } = await ask(
    'mutation($input: SubmitPromptInput!) { submitPrompt(input: $input) { prompt { id } } }', { input });
  return submitPrompt.prompt.id;
}

for (const [name, client] of Object.entries({ 'graphql-ws': socket, 'graphql-sse': events })) {
  test(`${name} follows a prompt, until it has seen enough`, async () => {
    const id = await submitted();
    for await (const { data, errors } of client.iterate({ query: FOLLOW, variables: { id } })) {
      assert.equal(errors, undefined);
      assert.deepEqual(data.promptProgress, { percentage: 0, prompt: { status: 'QUEUED' } });
      break;
    }
  });

  test(`${name} is told what it may not follow`, async () => {
    const codes = [];
    try {
      for await (const { errors } of client.iterate({ query: FOLLOW, variables: { id: 'x' } })) {
        codes.push(...errors.map((error) => error.extensions.code));
      }
    } catch (errors) {
      codes.push(...errors.map((error) => error.extensions.code));
    }
    assert.deepEqual(codes, ['BAD_USER_INPUT']);
  });
}
