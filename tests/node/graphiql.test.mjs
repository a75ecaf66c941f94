// GraphiQL in a real Chromium: it works under its policy, asks no other host, and leaves nothing in the browser.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { authorization, url } from './server.mjs';

let browser;
let page;
const complaints = [];
const asked = [];

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
  page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`${url}/graphiql`);
  await page.waitForSelector('.graphiql-execute-button');
});
after(() => browser?.close());

test('a query runs as whoever the headers name', async () => {
  await page.evaluate((token) => {
    document.querySelector('.graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror').CodeMirror.setValue(JSON.stringify({ authorization: token }));
    document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue('{ viewer { kind } }');
  }, authorization);
  await page.click('.graphiql-execute-button');
  const response = () => document.querySelector('.graphiql-response .CodeMirror')?.CodeMirror.getValue().includes('CONTRIBUTOR');
  await page.waitForFunction(response);
});

test('the documentation and the explorer open', async () => {
  for (const name of ['Documentation', 'Explorer']) {
    await page.click(`button[aria-label*="${name}"]`);
    await page.waitForSelector('.graphiql-plugin');
  }
});

test('nothing of it is left in the browser', async () => {
  const left = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
  assert.deepEqual(JSON.parse(left), [{}, {}, '', `${url}/graphiql`]);
});

test('no other host was asked and the policy was kept', () => {
  assert.deepEqual(asked.filter((each) => !each.startsWith(`${url}/`) && !each.startsWith('data:')), []);
  assert.deepEqual(complaints.filter((each) => /content.security|refused|TypeError|ReferenceError/i.test(each)), []);
});
