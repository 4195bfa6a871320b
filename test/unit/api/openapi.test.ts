import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeApp } from './app-fixture.ts'

interface Operation {
  operationId?: string; summary?: string; tags?: string[]; security?: unknown[]
  parameters?: { name: string; in: string; required?: boolean; schema: unknown }[]
  requestBody?: { content: Record<string, { schema: unknown }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>
}
interface Document {
  openapi: string; info: { title: string; version: string }; tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> }
}

const read = async (): Promise<Document> => await (await makeApp().app.request('/openapi.json')).json() as Document
const operations = (document: Document) =>
  Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))

test('the document is OpenAPI 3.1 and names who it is', async () => {
  const document = await read()
  assert.match(document.openapi, /^3\.1\./)
  assert.ok(document.info.title && document.info.version)
  assert.deepEqual(Object.keys(document.components.securitySchemes).sort(), ['apiKey', 'session'])
})

test('every operation has an id of its own, a summary, a known tag, an answer, and problems as application/problem+json', async () => {
  const document = await read()
  const all = operations(document)
  assert.ok(all.length > 60)
  assert.equal(new Set(all.map(({ operation }) => operation.operationId)).size, all.length)
  for (const { path, method, operation } of all) {
    const where = `${method} ${path}`
    assert.ok(operation.operationId, where)
    assert.ok(operation.summary, where)
    assert.ok(operation.tags?.every((tag) => document.tags.some(({ name }) => name === tag)), where)
    assert.ok(Array.isArray(operation.security), where)
    const statuses = Object.keys(operation.responses)
    assert.ok(statuses.some((status) => /^2\d\d$/.test(status)), where)
    for (const status of ['401', '403', '429', 'default']) assert.ok(statuses.includes(status), `${where} lacks ${status}`)
    for (const [status, response] of Object.entries(operation.responses)) {
      assert.ok(response.description, where)
      if (/^2\d\d$/.test(status)) continue
      assert.deepEqual(response.content?.['application/problem+json']?.schema, { $ref: '#/components/schemas/Problem' }, where)
    }
  }
})

test('path parameters are declared, required, and no more of them than the path has', async () => {
  for (const { path, method, operation } of operations(await read())) {
    const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name)
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
    assert.deepEqual(declared.map(({ name }) => name).sort(), inPath.sort(), `${method} ${path}`)
    assert.ok(declared.every(({ required }) => required === true), `${method} ${path}`)
  }
})

test('every reference leads to a schema that is there', async () => {
  const document = await read()
  const missing = new Set<string>()
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(walk)
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key !== '$ref') walk(inner)
      else if (!Object.hasOwn(document.components.schemas, String(inner).replace('#/components/schemas/', ''))) missing.add(String(inner))
    }
  }
  walk(document)
  assert.deepEqual([...missing], [])
})

test('only POST takes an Idempotency-Key, and every POST but the session’s does', async () => {
  for (const { path, method, operation } of operations(await read())) {
    const takes = (operation.parameters ?? []).some(({ name }) => name.toLowerCase() === 'idempotency-key')
    assert.equal(takes, method === 'post' && path !== '/v1/session', `${method} ${path}`)
  }
})

test('schemas have no type that JSON Schema does not know', async () => {
  const known = new Set(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null'])
  const walk = (value: unknown, where: string): void => {
    if (Array.isArray(value)) return value.forEach((inner, i) => walk(inner, `${where}/${i}`))
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'type' && !where.endsWith('/properties')) for (const type of [inner].flat()) assert.ok(known.has(type as string), `${where}: ${String(type)}`)
      walk(inner, `${where}/${key}`)
    }
  }
  walk((await read()).components.schemas, '#/components/schemas')
})
