import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { mayBeCalled } from '../../../../activities/notify/receiver-address.ts'
import { signatureHeader, verifySignature } from '../../../../activities/notify/signature.ts'
import { callWebhook } from '../../../../activities/notify/webhook.ts'

const event = { id: 'alert-event/1', type: 'alert.raised', site: 'hamburg', at: '2026-03-01T12:00:00Z', data: { alert: 'a' } }

test('a signature holds for its secret, body and time, and for nothing else', () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), fc.string(), fc.nat(4_000_000_000), (secret, body, at) => {
    const header = signatureHeader(secret, body, at)
    assert.ok(verifySignature(secret, body, header, at))
    assert.ok(!verifySignature(`${secret}x`, body, header, at))
    assert.ok(!verifySignature(secret, `${body}x`, header, at))
    assert.ok(!verifySignature(secret, body, header, at + 301))
    assert.ok(!verifySignature(secret, body, header.replace(`t=${at}`, `t=${at + 1}`), at))
  }))
  assert.ok(!verifySignature('s', 'b', 'nonsense', 0))
})

test('a signature is what openssl makes of "<t>.<body>"', () => {
  // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
  assert.equal(signatureHeader('secret', '{"a":1}', 1_700_000_000), 't=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686')
})

test('receivers may stand in the plant, but not where machines serve their credentials', () => {
  for (const address of ['127.0.0.1', '::1', '10.1.2.3', '192.168.0.7', '172.16.9.9', '203.0.113.5', '2001:db8::1', 'fd12:3456::1']) assert.ok(mayBeCalled(address), address)
  for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254', 'fe80::1', '0.0.0.0', '::', '224.0.0.1', '255.255.255.255', 'ff02::1', 'nonsense']) {
    assert.ok(!mayBeCalled(address), address)
  }
})

async function withReceiver(answer: (request: http.IncomingMessage, body: string, response: http.ServerResponse) => void, work: (url: string) => Promise<void>): Promise<void> {
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() })
    request.on('end', () => { answer(request, body, response) })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  try {
    await work(`http://localhost:${(server.address() as AddressInfo).port}/hook?a=1`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => { server.close(resolve) })
  }
}

test('posts to a catalogue what the event carries, with the token it asks for', async () => {
  let seen: { body: string; headers: http.IncomingHttpHeaders } | undefined
  const receive = (call: object) => withReceiver((request, body, response) => {
    seen = { body, headers: request.headers }
    response.writeHead(201).end()
  }, (url) => callWebhook({ url, secret: 'twh_x', event, ...call }, { nowMs: () => 1_700_000_000_000 }))
  await receive({ format: 'openlineage', bearer: 'a-token' })
  assert.deepEqual(JSON.parse(seen!.body), event.data)
  assert.equal(seen!.headers.authorization, 'Bearer a-token')
  assert.equal(seen!.headers['twinward-event-id'], event.id)
  assert.ok(verifySignature('twh_x', seen!.body, String(seen!.headers['twinward-signature']), 1_700_000_000))
  await receive({ bearer: null })
  assert.equal(seen!.headers.authorization, undefined)
})

test('posts the event, named and signed', async () => {
  let seen: { body: string; headers: http.IncomingHttpHeaders; url: string } | undefined
  await withReceiver((request, body, response) => {
    seen = { body, headers: request.headers, url: request.url ?? '' }
    response.writeHead(204).end()
  }, (url) => callWebhook({ url, secret: 'twh_x', event }, { nowMs: () => 1_700_000_000_000 }))
  assert.deepEqual(JSON.parse(seen!.body), event)
  assert.equal(seen!.headers['twinward-event-id'], event.id)
  assert.equal(seen!.url, '/hook?a=1')
  assert.ok(verifySignature('twh_x', seen!.body, String(seen!.headers['twinward-signature']), 1_700_000_000))
})

test('anything but a 2xx is a failure: refusals, redirects, silence', async () => {
  for (const status of [400, 500, 302]) {
    await withReceiver((_request, _body, response) => { response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end() }, async (url) => {
      await assert.rejects(callWebhook({ url, secret: 's', event }), new RegExp(`answered ${status}`))
    })
  }
  await withReceiver(() => undefined, async (url) => {
    await assert.rejects(callWebhook({ url, secret: 's', event }, { timeoutMs: 50 }), /did not answer within/)
  })
  await assert.rejects(callWebhook({ url: 'http://169.254.169.254/latest', secret: 's', event }), /may not call/)
  await assert.rejects(callWebhook({ url: 'http://[::ffff:169.254.169.254]/latest', secret: 's', event }), /may not call/)
})
