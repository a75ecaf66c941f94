// Passkeys in a real Chromium, with an authenticator that its protocol lends: the pieces of the guide, as they stand there.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { url } from './server.mjs';

const named = url.replace('127.0.0.1', 'localhost');
const guides = join(import.meta.dirname, '..', '..', 'docs', 'guides');
const account = { email: 'passkeys@example.org', password: 'correct horse battery', displayName: 'Ada' };
let browser;
let page;
let cdp;
let authenticatorId;

async function pieces(name) {
  const text = await readFile(join(guides, name), 'utf8');
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, piece]) => piece);
}

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
  const context = await browser.newContext({ bypassCSP: true }); // the welcome page is not made for scripts
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
  cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
  ({ authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options }));
  const asking = (await pieces('frontend.md'))[0].replace('http://127.0.0.1:8000', named);
  await page.goto(`${named}/`);
  await page.addScriptTag({ content: [asking, ...(await pieces('passkeys.md'))].join('\n') });
  await page.evaluate(async (input) => {
    const opened = await ask('mutation($input: RegisterContributorInput!) { registerContributor(input: $input) { session { token } } }', { input });
    token = opened.registerContributor.session.token;
    const { password } = input;
    await ask('mutation($input: StepUpInput!) { stepUp(input: $input) { auditEventId } }', { input: { password } });
  }, account);
});
after(() => browser?.close());

test('a passkey is registered, signs in and steps up', async () => {
  const made = await page.evaluate(() => registerPasskey());
  assert.equal(made.recoveryCodes.length, 10);
  assert.match(made.passkey.model, /^[0-9a-f-]{36}$/);
  const until = await page.evaluate(async ({ email, password }) => {
    token = (await signIn(email, password)).token;
    return stepUp();
  }, account);
  assert.ok(new Date(until) > new Date());
});

test('a browser makes no second one in the same device, and signs nothing for whom it does not recognise', async () => {
  const failing = (what) => page.evaluate((name) => globalThis.eval(name)().then(() => null, (error) => error.name), what);
  assert.equal(await failing('registerPasskey'), 'InvalidStateError');
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  assert.equal(await failing('stepUp'), 'NotAllowedError');
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
});

test('pages of another origin get nothing from the browser, and the server says which may', async () => {
  const options = await page.evaluate(async () => (await ask('mutation { beginPasskeyStepUp { options } }')).beginPasskeyStepUp.options);
  const { origins } = await page.evaluate(async () => (await fetch('/.well-known/webauthn')).json());
  assert.deepEqual(origins, [named]);
  const other = await page.context().newPage();
  await other.goto(`${url}/`);
  const refused = await other.evaluate(async (given) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(given));
    return navigator.credentials.get({ publicKey }).then(() => null, (error) => error.name);
  }, options);
  assert.equal(refused, 'SecurityError');
  await other.close();
});

test('a copy of the device is found out by its count', async () => {
  const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
  const [{ credentialId, ...rest }] = credentials;
  await cdp.send('WebAuthn.removeCredential', { authenticatorId, credentialId });
  await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: { ...rest, credentialId, signCount: 0 } });
  const found = await page.evaluate(async ({ email, password }) => {
    const error = await signIn(email, password).then(() => null, (refusal) => ({ code: refusal.code, field: refusal.field }));
    return { error, ...(await ask('{ passkeys { copiedAt } }')) };
  }, account);
  assert.deepEqual(found.error, { code: 'UNAUTHENTICATED', field: 'passkey' });
  assert.ok(found.passkeys[0].copiedAt);
});
