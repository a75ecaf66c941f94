// GraphQL over HTTP, by the audits of the reference implementation: every one of them, its SHOULDs included.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverAudits } from 'graphql-http';
import { authorization, graphql } from './server.mjs';

const fetchFn = (address, request = {}) => fetch(address, { ...request, headers: { ...request.headers, authorization } });
const audits = serverAudits({ url: graphql, fetchFn });

test('there are as many audits as we count on', () => assert.equal(audits.length, 61));

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const found = await audit.fn();
    assert.equal(found.status, 'ok', found.reason);
  });
}
