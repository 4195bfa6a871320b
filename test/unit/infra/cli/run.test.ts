import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { runCli } from '../../../../infra/cli/run.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'twinward-cli-'))
const servers: Server[] = []
after(() => {
  for (const server of servers) server.close()
  rmSync(dir, { recursive: true })
})
const file = (name: string, text: string): string => {
  writeFileSync(path.join(dir, name), text)
  return path.join(dir, name)
}

/** Something that answers HTTP, with one JSON document for everything unless told. */
async function answering(status: number, body: unknown, listener?: RequestListener): Promise<string> {
  const server = createServer(listener ?? ((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body))
  })).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function run(...argv: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const exitCode = await runCli(argv, {
    env: { TWINWARD_DATA_DIR: path.join(dir, 'nowhere'), TWINWARD_PORT: '1' }, out: (text) => { out += text }, err: (text) => { err += text }, live: false,
  })
  return { exitCode, out, err }
}

const problem = (code: string, status: number, detail: string, more: object = {}) => answering(status, { type: `urn:twinward:error:${code}`, status, detail, ...more })
const map = 'version: 1\nsite: works\nasset: { id: pump-1, name: Pump, class: pump, family: pumps }\ntime: { column: t, zone: UTC }\ntags: [{ column: T, tag: temp, role: temperature, unit: Cel }]\n'
const mapFile = file('map.yaml', map)
const badFile = file('bad.csv', 't,T\n2026-01-01T00:00:00Z,1\nyesterday,2\n2026-01-01T00:00:02Z,warm\n')

describe('a command line', () => {
  describe('with --json ends in one JSON document, whatever the outcome', () => {
    const refused: readonly [string, () => string[] | Promise<string[]>, string, number][] = [
      ['no command', () => [], 'missing_command', 2],
      ['a command that is none', () => ['nope'], 'unknown_command', 2],
      ['an option that is none', () => ['status', '--nope'], 'unknown_option', 2],
      ['a missing argument', () => ['scores'], 'missing_argument', 2],
      ['one argument too many', () => ['assets', 'more'], 'excess_arguments', 2],
      ['a missing option', () => ['roll-back', 'pumps'], 'missing_mandatory_option_value', 2],
      ['an option without its value', () => ['status', '--url'], 'option_missing_argument', 2],
      ['a value that is none', () => ['assets', '--limit', 'many'], 'invalid_argument', 2],
      ['an instant without a zone', () => ['in-force', 'pumps', '--at', '2026-01-01'], 'invalid_argument', 2],
      ['a role that is none', () => ['actor', 'rita', '--name', 'Rita', '--roles', 'operator,boss'], 'invalid_argument', 2],
      ['a kind that is none', () => ['actor', 'rita', '--name', 'Rita', '--roles', 'operator', '--kind', 'robot'], 'invalid_argument', 2],
      ['an address that is none', () => ['--url', 'somewhere', 'status'], 'usage', 2],
      ['an import without a map', () => ['import', badFile], 'usage', 2],
      ['a rescore of nothing', () => ['rescore', 'start', '--from', '2026-01-01T00:00:00Z', '--reason', 'x'], 'usage', 2],
      ...['100%', '150%', '0%', '-5%', 'abc%', '', 'pump-1,,pump-2', 'Pump 1'].map((slice): [string, () => string[], string, number] =>
        [`a slice that is none: "${slice}"`, () => ['promote', 'pumps-r2', '--reason', 'x', '--canary', '1d', '--slice', slice], 'invalid_argument', 2]),
      ['a scope that is none', () => ['roll-back', 'pumps', '--reason', 'x', '--scope', 'pump-1'], 'invalid_argument', 2],
      ['a rescore of a machine that can be none', () => ['rescore', 'start', '--asset', 'Pump 1', '--from', '2026-01-01T00:00:00Z', '--reason', 'x'], 'invalid_argument', 2],
      ['a replay under no version', () => ['replay', '1', '--policy', 'new'], 'invalid_argument', 2],
      ['a replay under a model without a version', () => ['replay', '1', '--model', 'pumps'], 'usage', 2],
      ['a lineage of nothing', () => ['lineage'], 'usage', 2],
      ['an import of bad rows', () => ['import', '--map', mapFile, badFile], 'unprocessable', 1],
      ['a platform that does not run', () => ['status'], 'unreachable', 1],
      ['a key file that is not there', () => ['--key-file', path.join(dir, 'none'), 'assets'], 'key_file', 1],
      ['a key file without a key', () => ['--key-file', file('empty', '\n'), 'assets'], 'key_file', 1],
      ['a wrong key', async () => ['--url', await problem('unauthenticated', 401, 'no'), 'assets'], 'unauthenticated', 1],
      ['a refusal of the API', async () => ['--url', await problem('conflict', 409, 'no'), 'roll-back', 'pumps', '--reason', 'x'], 'conflict', 1],
      ['another program at the address', async () => ['--url', await answering(200, '<html>'), 'assets'], 'not_twinward', 1],
    ]
    for (const [what, argv, code, exitCode] of refused) {
      it(what, async () => {
        const { out, err, ...rest } = await run('--json', ...await argv())
        const { error } = JSON.parse(out) as { error: { code: string; message: string } }
        assert.deepEqual({ code: error.code, exitCode: rest.exitCode, lines: out.split('\n').length }, { code, exitCode, lines: 2 })
        assert.notEqual(error.message, '')
        assert.equal(err, '')
      })
    }
    it('help', async () => {
      const { out, exitCode } = await run('import', '--help', '--json')
      assert.match((JSON.parse(out) as { help: string }).help, /--skip-bad-rows/)
      assert.equal(exitCode, 0)
    })
    it('the version', async () => {
      assert.match((JSON.parse((await run('--version', '--json')).out) as { version: string }).version, /^\d+\.\d+\.\d+/)
    })
    it('a document of the API, as it is', async () => {
      const page = { items: [{ site: 'works', sequence: 1 }], nextCursor: null }
      assert.deepEqual(JSON.parse((await run('--json', '--url', await answering(200, page), 'ledger')).out), page)
    })
  })

  it('says a mistake and the way out on stderr, nothing on stdout', async () => {
    for (const argv of [['nope'], ['status', '--nope'], ['scores'], ['status'], ['--key-file', path.join(dir, 'none'), 'assets']]) {
      const { out, err, exitCode } = await run(...argv)
      assert.equal(out, '', argv.join(' '))
      assert.match(err, /--help|npm start|--key-file/, argv.join(' '))
      assert.notEqual(exitCode, 0)
    }
  })

  it('names every command and option in help that ends well', async () => {
    const { out } = await run('--help')
    const commands = [...out.matchAll(/^ {2}([a-z][a-z-]+)[ \n]/gm)].map(([, name]) => name ?? '').filter((name) => name !== 'help')
    assert.ok(commands.includes('ledger') && commands.length > 15, commands.join(' '))
    for (const command of commands) assert.equal((await run(command, '--help')).exitCode, 0, command)
  })

  it('marks in its help what a command cannot run without', async () => {
    for (const argv of [['gates', 'withdraw'], ['rollouts', 'stop'], ['rollouts', 'advance']]) {
      assert.match((await run(...argv, '--help')).out, /--reason <text>[^]*?\(required\)/, argv.join(' '))
    }
    assert.doesNotMatch((await run('scores', '--help')).out, /required/)
  })

  it('asks for what its options say: which slice, where, instead of what', async () => {
    const seen: { path: string; body: Record<string, unknown> }[] = []
    const url = await answering(0, '', (request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => { text += chunk.toString() }).on('end', () => {
        seen.push({ path: request.url ?? '', body: JSON.parse(text) as Record<string, unknown> })
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      })
    })
    const gate = '6f1c0f8e-3d53-4b1e-8a86-6f1f6c4d7a11'
    await run('--url', url, 'promote', 'pumps-r2', '--reason', 'x', '--scope', 'line:north', '--instead-of', gate, '--canary', '1d', '--slice', '12.5%')
    await run('--url', url, 'promote', 'pumps-r2', '--reason', 'x', '--canary', '1d', '--slice', 'pump-1, pump-2')
    await run('--url', url, 'roll-back', 'pumps', '--reason', 'x', '--scope', 'asset:pump-1', '--to', 'pumps-r1', '--request-id', 'one')
    for (const named of [['pump-1,pump-2'], ['pump-1', 'pump-2'], ['pump-1', '--asset', 'pump-2']]) {
      await run('--url', url, 'rescore', 'start', '--from', '2026-01-01T00:00:00Z', '--reason', 'x', '--asset', ...named)
    }
    assert.deepEqual(seen.map(({ path, body }) => (path.startsWith('/v1/operations') ? body['assets'] : body)), [
      { release: 'pumps-r2', reason: 'x', scope: { kind: 'line', id: 'north' }, insteadOf: gate, rollout: { canary: { dwellSeconds: 86_400, slice: { percent: 12.5 } } } },
      { release: 'pumps-r2', reason: 'x', rollout: { canary: { dwellSeconds: 86_400, slice: { assets: ['pump-1', 'pump-2'] } } } },
      { reason: 'x', scope: { kind: 'asset', id: 'pump-1' }, to: 'pumps-r1', requestId: 'one', rescore: false },
      ...[1, 2, 3].map(() => ['pump-1', 'pump-2']),
    ])
  })

  it('tells apart what each release and each revision said of a window', async () => {
    const row = { id: '1', windowEnd: '2026-01-01T00:00:00Z', revision: 1, score: 1, confidence: 0.5, severity: null, release: 'pumps-r1', role: 'champion', lane: 'live', rescore: null }
    const url = await answering(200, { items: [row, { ...row, id: '2', release: 'pumps-r2', role: 'shadow' }, { ...row, id: '3', revision: 2, rescore: 'op-1' }], nextCursor: null })
    assert.match((await run('--url', url, 'scores', 'pump-1')).out, /revision .*role .*rescore\n1 .* 1 .*champion .*–\n2 .*shadow .*\n3 .* 2 .*op-1\n/)
  })

  it('shows of a gate what approvers decide by, and where the whole is', async () => {
    const side = (release: string, episodes: number) => ({
      release, policy: { name: 'pumps', version: 2 }, trained: { model: 'pumps-pca@1', kind: 'pca', reason: 'x', dataset: { rows: 200, commitNumber: 3 }, metrics: { evaluation: { falseAlarmRate: 0.0125 } } },
      backTest: { windows: 90, episodes, episodesByRule: {}, episodesByAsset: {} },
    })
    const url = await answering(200, {
      id: 'g', subject: 'pumps-r2', state: 'open', wanted: '1 approval', reason: 'better', asks: '1 approval', rollout: null, emergency: null, reviewers: [], decisions: [], thread: [], deciding: [], changesAsked: [],
      evidenceDigest: 'sha256:abc', evidenceCommit: 7, evidenceAge: null, evidence: {
        candidate: side('pumps-r2', 1), champion: side('pumps-r1', 4), coverage: { windows: 90, assetsWithData: 1, assetsWithout: ['pump-2'], meanGoodFraction: 1 },
        slice: { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', assets: ['pump-1', 'pump-2'], recordedFailures: 0 }, comparison: { alerts: { before: 4, after: 1, kept: 1, moved: 0, gained: 0, lost: 3 } },
      },
    })
    const { out } = await run('--url', url, 'gates', 'show', 'g')
    assert.match(out, /90 windows of 2 machines, 2026-01-01.*\n {2}without any window: pump-2\n {2}asked for: pumps-r2: pumps-pca@1 .*policy version 2; false alarms on held-out normal windows 1\.25 %; would have raised 1 alert\n {2}in force: {2}pumps-r1: /)
    assert.match(out, /alerts: 4 by what is in force, 1 by what is asked for; 1 kept, 0 moved, 0 gained, 3 lost\n/)
    assert.match(out, /digest sha256:abc; the whole: twinward --json gates show g\nDecide with: /)
    assert.doesNotMatch(out, /[{}]/)
  })

  it('tells bad rows once, to people and to programs', async () => {
    const { out, err } = await run('import', '--map', mapFile, badFile)
    assert.equal(`${out}${err}`.split('"yesterday"').length, 2)
    assert.match(err, /2 bad rows of 3; nothing was imported/)
    const { error } = JSON.parse((await run('--json', 'import', '--map', mapFile, badFile)).out) as { error: { details: { badRows: number; problems: { line: number }[] } } }
    assert.deepEqual([error.details.badRows, error.details.problems.map(({ line }) => line)], [2, [3, 4]])
    const dry = await run('import', '--dry-run', '--map', mapFile, badFile)
    assert.deepEqual([dry.out.split('"yesterday"').length, dry.err, dry.exitCode], [2, '', 1])
    assert.match(dry.out, /^1 file, 3 rows, 1 reading for works\/pump-1\n/)
  })

  it('shows whose each row is, unless one site was named', async () => {
    const url = await answering(200, { items: [{ site: 'north', sequence: 1, kind: 'release.made' }, { site: 'south', sequence: 1, kind: 'release.made' }], nextCursor: null })
    assert.match((await run('--url', url, 'ledger')).out, /^site +sequence[^]*\nnorth +1 [^]*\nsouth +1 /)
    assert.match((await run('--url', url, '--site', 'north', 'ledger')).out, /^sequence/)
  })

  it('puts the cure for an unnamed site into its own words', async () => {
    const url = await problem('ambiguous', 409, 'say ?site=', { details: { parameter: 'site', sites: ['north', 'south'] } })
    assert.match((await run('--url', url, 'scores', 'pump-1')).err, /^Your key covers 2 sites: say which one with --site \(north, south\)\.$/m)
  })

  it('changes the roles of a person who is known already', async () => {
    const seen: string[] = []
    const url = await answering(0, '', (request, response) => {
      seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
      const made = request.method === 'PATCH'
      response.writeHead(made ? 200 : 409, { 'content-type': 'application/json' }).end(made ? '{}' : '{"type":"urn:twinward:error:already_exists"}')
    })
    const { out, exitCode } = await run('--url', url, 'actor', 'rita', '--name', 'Rita', '--roles', 'operator, viewer')
    assert.deepEqual(seen, ['POST /v1/actors', 'PATCH /v1/actors/rita'])
    assert.deepEqual([out, exitCode], ['rita has 2 roles: operator, viewer.\n', 0])
  })
})
