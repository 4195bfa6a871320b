import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { minimumNode } from '../../../../infra/setup/node-version.mjs'
import { root } from '../../../../infra/setup/paths.mjs'
import { compareVersions, programVersion } from '../../../../infra/setup/servers.mjs'
import { minio, node, temporal, tensorflow } from '../../../../infra/setup/versions.mjs'

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  engines: { node: string }
  dependencies: Record<string, string>
}

describe('pinned versions', () => {
  it('agree with package.json', () => {
    assert.equal(manifest.engines.node, `>=${node.minimum}`)
    assert.equal(manifest.dependencies['@tensorflow/tfjs-node'], tensorflow.tfjsNode)
  })

  it('carry a SHA-256 for every file that is downloaded, over https', () => {
    const files = [...Object.values(temporal.downloads), ...Object.values(tensorflow.downloads)]
    assert.ok(files.length >= 8)
    for (const { url, sha256 } of [...files, ...Object.values(tensorflow.wheel.platforms).map((wheel) => ({ url: 'https:', ...wheel }))]) {
      assert.match(url, /^https:/)
      assert.match(sha256, /^[0-9a-f]{64}$/)
    }
  })

  it('name one version of each server, whatever the source', () => {
    assert.ok(temporal.goPackage.endsWith(`@v${temporal.version}`))
    for (const { url } of Object.values(temporal.downloads)) assert.ok(url.includes(`/v${temporal.version}/`), url)
    assert.ok(minio.goPackage.endsWith(`@v${minio.version}`))
    assert.ok(tensorflow.wheel.requirement.endsWith(`==${tensorflow.wheel.version}`))
  })
})

describe('Node\'s version', () => {
  it('is refused with what to do when too old', () => {
    for (const version of ['18.20.4', '20.18.3', '20.9.0']) assert.match(minimumNode(version) ?? '', /needs Node\.js 20\.19\.0 or newer; this is/)
    for (const version of ['20.19.0', '20.20.2', '22.0.0', '24.1.0']) assert.equal(minimumNode(version), undefined)
  })
})

describe('a program\'s version', () => {
  it('is read from what it answers', () => {
    assert.equal(programVersion('temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'), '1.29.1')
    assert.equal(programVersion('temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)'), '1.29.1')
    assert.equal(programVersion('minio version RELEASE.2025-09-07T16-13-09Z (commit-id=1)'), 'RELEASE.2025-09-07T16-13-09Z')
    assert.equal(programVersion('hello'), 'unknown')
  })

  it('is compared by number', () => {
    assert.ok(compareVersions('1.9.0', '1.29.0') < 0)
    assert.ok(compareVersions('1.29', '1.29.0') === 0)
    assert.ok(compareVersions('2', '1.29.0') > 0)
    assert.ok(compareVersions('unknown', '1.29.0') > 0)
  })
})
