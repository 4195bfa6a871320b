import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { topics } from '../../../../../registry/domain/contract/batch.ts'
import { mayPublish, maySubscribe } from '../../../../../registry/domain/identity/topic-rule.ts'

const slug = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,12}$/)
const name = fc.record({ site: slug, gateway: slug })
const words = ['batches', 'reports', 'acks', 'replies', 'events', '+', '#', '', 'gateways', 'twinward', 'v1', '$SYS']

test('a gateway may publish its own batches and reports, and hear its own answers', () => {
  fc.assert(fc.property(name, (of) => {
    const { site, gateway } = of
    assert.ok(mayPublish(of, topics.batch(site, gateway)) && mayPublish(of, topics.report(site, gateway)) && mayPublish(of, topics.fileRequest(site, gateway)))
    assert.ok(maySubscribe(of, topics.acknowledgement(site, gateway)) && maySubscribe(of, topics.reply(site, gateway)) && maySubscribe(of, topics.filePiece(site, gateway)))
  }))
})

test('and nothing else: no other gateway\'s, no wildcard, no topic in between', () => {
  const level = fc.oneof(slug, fc.constantFrom(...words))
  const topic = fc.oneof(fc.array(level, { maxLength: 8 }).map((levels) => levels.join('/')), fc.tuple(name, fc.constantFrom(...words)).map(([{ site, gateway }, last]) => `twinward/v1/${site}/gateways/${gateway}/${last}`))
  fc.assert(fc.property(name, topic, (of, asked) => {
    const own = (last: string) => `twinward/v1/${of.site}/gateways/${of.gateway}/${last}`
    assert.equal(mayPublish(of, asked), asked === own('batches') || asked === own('reports') || asked === own('file-requests'))
    assert.equal(maySubscribe(of, asked), asked === own('acks') || asked === own('replies') || asked === own('file-pieces'))
  }), { numRuns: 2_000 })
  fc.assert(fc.property(name, name, (of, other) => {
    fc.pre(of.site !== other.site || of.gateway !== other.gateway)
    for (const asked of [topics.batch, topics.report, topics.fileRequest]) assert.equal(mayPublish(of, asked(other.site, other.gateway)), false)
    for (const asked of [topics.acknowledgement, topics.reply, topics.filePiece]) assert.equal(maySubscribe(of, asked(other.site, other.gateway)), false)
  }))
})
