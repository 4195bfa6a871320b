import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/**
 * Reads an LMDB file page by page without LMDB, which trusts what it maps: a page that is not what it should be ends a
 * process there, here it is passed over and told. The format is that of lmdb-js 3 (data version 2, little endian): two
 * meta pages; pages with a header of 24 bytes (own number, transaction, flags, bounds); sorted nodes, whose offsets count
 * from behind the header; large values on pages of their own. See mdb.c, MDB_page, MDB_node, MDB_db, MDB_ovpage.
 */
export interface LmdbFile {
  /** Every entry of a named database that can be read, in the order of keys. */
  entries(database: string): Generator<{ key: Buffer; value: Buffer }>
  /** How many entries a named database has by its own record; undefined when the record cannot be read. */
  count(database: string): number | undefined
  /**
   * Walks every tree and gives what is not as it should be. `deep` looks at the pages of large values too, which takes a
   * read for each, and has `isSound` judge what values say, but for those databases whose values have checksums.
   * With `mostPages`, no more than so many are read, of small trees first: a start must not wait for gigabytes. A file that
   * is shorter than it says is read in whole all the same.
   */
  check(deep: boolean, isSound?: (value: Buffer) => boolean, withChecksums?: readonly string[], mostPages?: number): readonly string[]
  /** The transaction it shows; another one a moment later when somebody writes to the file. */
  readonly transaction: bigint
  close(): void
}

const HEADER = 24
const MAGIC = 0xbeefc0de
const DB_BYTES = 48
const NONE = 0xffffffffffffffffn
const [BRANCH, LEAF, OVERFLOW, META] = [0x01, 0x02, 0x04, 0x08]
const [BIG, SUB] = [0x01, 0x02]
const DEEPEST = 40

interface Meta { readonly transaction: bigint; readonly pageSize: number; readonly lastPage: bigint; readonly free: Db; readonly main: Db }
interface Db { readonly flags: number; readonly depth: number; readonly branches: bigint; readonly leaves: bigint; readonly overflows: bigint; readonly entries: bigint; readonly root: bigint }
interface Node { readonly key: Buffer; readonly flags: number; readonly value?: Buffer; readonly large?: { readonly at: bigint; readonly pages: bigint; readonly length: number } }
interface Tally { branches: bigint; leaves: bigint; overflows: bigint; entries: bigint; depth: number }

const dbAt = (bytes: Buffer, at: number): Db => ({
  flags: bytes.readUInt16LE(at + 4), depth: bytes.readUInt16LE(at + 6), branches: bytes.readBigUInt64LE(at + 8), leaves: bytes.readBigUInt64LE(at + 16),
  overflows: bytes.readBigUInt64LE(at + 24), entries: bytes.readBigUInt64LE(at + 32), root: bytes.readBigUInt64LE(at + 40),
})
const even = (n: number) => n + (n & 1)
const nameOf = (key: Buffer) => key.toString('utf8').replace(/\0+$/, '')

/** Undefined when not even one of the two meta pages can be read. */
export function openLmdbFile(file: string): LmdbFile | undefined {
  const handle = openSync(file, 'r')
  const { size } = fstatSync(handle)
  const problems: string[] = []
  const note = (problem: string): undefined => {
    if (problems.length < 100) problems.push(problem)
    return undefined
  }
  const read = (at: number, length: number): Buffer | undefined => {
    if (!Number.isSafeInteger(at) || at < 0 || length < 0 || at + length > size) return undefined
    const bytes = Buffer.alloc(length)
    try {
      return readSync(handle, bytes, 0, length, at) === length ? bytes : undefined
    } catch {
      return undefined
    }
  }

  function metaAt(at: number, number: bigint): Meta | undefined {
    const header = read(at, HEADER)
    const bytes = read(at + HEADER, 24 + 2 * DB_BYTES + 16)
    if (header?.readBigUInt64LE(0) !== number || header.readUInt16LE(18) !== META) return undefined
    if (bytes?.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== 2) return undefined
    const pageSize = bytes.readUInt32LE(24)
    if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) return undefined
    return { pageSize, free: dbAt(bytes, 24), main: dbAt(bytes, 24 + DB_BYTES), lastPage: bytes.readBigUInt64LE(24 + 2 * DB_BYTES), transaction: bytes.readBigUInt64LE(24 + 2 * DB_BYTES + 8) }
  }
  const first = metaAt(0, 0n)
  const second = metaAt(first?.pageSize ?? 4096, 1n)
  if (!first || !second) note('a meta page is damaged')
  const meta = first && second ? (first.transaction > second.transaction ? first : second) : first ?? second
  if (!meta) {
    closeSync(handle)
    return undefined
  }
  const { pageSize, lastPage } = meta

  /** A page that is the one asked for. */
  function page(number: bigint): Buffer | undefined {
    const bytes = number > 1n && number <= lastPage ? read(Number(number) * pageSize, pageSize) : undefined
    if (!bytes) return note(`page ${number} is beyond the file's end`)
    const flags = bytes.readUInt16LE(18)
    if (bytes.readBigUInt64LE(0) !== number || (flags !== BRANCH && flags !== LEAF) || bytes.readUInt16LE(16) !== 0) return note(`page ${number} is not the one it should be`)
    return bytes
  }

  /** The nodes of a page, those that lie within it; all of them fill it exactly. */
  function* nodes(number: bigint, bytes: Buffer): Generator<Node> {
    const isLeaf = bytes.readUInt16LE(18) === LEAF
    const [lower, upper] = [HEADER + bytes.readUInt16LE(20), HEADER + bytes.readUInt16LE(22)]
    if (lower > upper || upper > pageSize || (lower & 1) !== 0) return note(`page ${number} has bounds that cannot be`)
    let filled = 0
    for (let at = HEADER; at < lower; at += 2) {
      const node = HEADER + bytes.readUInt16LE(at)
      const keyEnd = node + 8 <= pageSize ? node + 8 + bytes.readUInt16LE(node + 6) : Infinity
      if (node < upper || keyEnd > pageSize) {
        note(`page ${number} has an entry beyond its end`)
        continue
      }
      const key = bytes.subarray(node + 8, keyEnd)
      const low = bytes.readUInt16LE(node) + bytes.readUInt16LE(node + 2) * 0x10000
      const flags = bytes.readUInt16LE(node + 4)
      const dataBytes = !isLeaf ? 0 : (flags & BIG) !== 0 ? 24 : low
      filled += even(keyEnd - node + dataBytes)
      if (!isLeaf) yield { key, flags: 0, large: { at: BigInt(low) + (BigInt(flags) << 32n), pages: 0n, length: 0 } }
      else if (![0, BIG, SUB].includes(flags) || keyEnd + dataBytes > pageSize || key.length === 0) note(`page ${number} has an entry that cannot be`)
      else if (flags === BIG) yield { key, flags, large: { at: bytes.readBigUInt64LE(keyEnd), pages: bytes.readBigUInt64LE(keyEnd + 16), length: low } }
      else yield { key, flags, value: bytes.subarray(keyEnd, keyEnd + low) }
    }
    if (filled !== pageSize - upper) note(`page ${number} is not filled as it says`)
  }

  /** The leaf nodes below a page, in order; what is met is counted. */
  function* walk(root: bigint, seen: Set<bigint>, tally: Tally, mostPages = Infinity, depth = 1): Generator<Node> {
    if (root === NONE || seen.size >= mostPages) return
    if (depth > DEEPEST || seen.has(root)) return note(`page ${root} is met twice`)
    seen.add(root)
    tally.depth = Math.max(tally.depth, depth)
    const bytes = page(root)
    if (!bytes) return
    if (bytes.readUInt16LE(18) === LEAF) {
      tally.leaves++
      for (const node of nodes(root, bytes)) {
        tally.entries++
        tally.overflows += node.large?.pages ?? 0n
        yield node
      }
      return
    }
    tally.branches++
    for (const { large } of nodes(root, bytes)) if (large) yield* walk(large.at, seen, tally, mostPages, depth + 1)
  }
  const newTally = (): Tally => ({ branches: 0n, leaves: 0n, overflows: 0n, entries: 0n, depth: 0 })

  /** Whether the pages of a large value are what its entry says. */
  function largeHead({ large }: Node): boolean {
    if (!large) return true
    const head = large.at > 1n && large.at <= lastPage ? read(Number(large.at) * pageSize, HEADER) : undefined
    const pages = Math.floor((HEADER - 1 + large.length) / pageSize) + 1
    if (head?.readBigUInt64LE(0) === large.at && head.readUInt16LE(18) === OVERFLOW && head.readUInt32LE(20) === pages && large.pages === BigInt(pages)) return true
    note(`page ${large.at} is not the one its entry says`)
    return false
  }

  function valueOf(node: Node): Buffer | undefined {
    const { value, large } = node
    if (!large) return value
    if (!largeHead(node)) return undefined
    return read(Number(large.at) * pageSize + HEADER, large.length) ?? note(`a value at page ${large.at} is beyond the file's end`)
  }

  /** A tree is what its record says of it. */
  function checkTree(name: string, db: Db, seen: Set<bigint>, mostPages: number, look: (node: Node) => void): void {
    const tally = newTally()
    let before: Buffer | undefined
    for (const node of walk(db.root, seen, tally, mostPages)) {
      if (before && name !== 'free' && Buffer.compare(before, node.key) >= 0) note(`the keys of ${name} are not in order`)
      before = Buffer.from(node.key)
      const { large } = node
      if (large && Number(large.at + large.pages) * pageSize > size) note(`a value at page ${large.at} is beyond the file's end`)
      look(node)
    }
    if (seen.size >= mostPages) return
    const said = [db.branches, db.leaves, db.overflows, db.entries, BigInt(db.depth)]
    if (said.some((n, i) => n !== [tally.branches, tally.leaves, tally.overflows, tally.entries, BigInt(tally.depth)][i])) note(`${name} is not as its record says`)
  }

  /** Page numbers, or lengths of runs of pages as negative ones, none beyond the end. */
  function checkFree(node: Node): void {
    const value = valueOf(node)
    if (!value || value.length < 8 || node.key.length !== 8) return note('the list of free pages cannot be read')
    const n = value.readBigUInt64LE(0)
    if (n * 8n + 8n > BigInt(value.length)) return note('the list of free pages is longer than its entry')
    for (let i = 1n; i <= n; i++) {
      const id = value.readBigInt64LE(Number(i) * 8)
      if (id > lastPage || id < -lastPage) return note('the list of free pages names pages that are not there')
    }
  }

  function databaseOf(name: string): Db | undefined {
    for (const { key, value, flags } of walk(meta?.main.root ?? NONE, new Set(), newTally())) {
      if (flags === SUB && value?.length === DB_BYTES && nameOf(key) === name) return dbAt(value, 0)
    }
    return undefined
  }

  return {
    transaction: meta.transaction,
    * entries(database) {
      for (const node of walk(databaseOf(database)?.root ?? NONE, new Set(), newTally())) {
        const own = valueOf(node)
        if (own) yield { key: node.key, value: own }
      }
    },
    count(database) {
      const db = databaseOf(database)
      return db && Number(db.entries)
    },
    check(deep, isSound = () => true, withChecksums = [], mostPages = Infinity) {
      const seen = new Set<bigint>()
      const most = Number(lastPage + 1n) * pageSize > size ? Infinity : mostPages
      const databases: { readonly name: string; readonly db: Db }[] = []
      checkTree('the list of databases', meta.main, seen, most, ({ key, value, flags }) => {
        if (flags === SUB && value?.length === DB_BYTES) databases.push({ name: nameOf(key), db: dbAt(value, 0) })
      })
      checkTree('free', meta.free, seen, most, checkFree)
      const pages = ({ branches, leaves }: Db) => Number(branches + leaves)
      for (const { name, db } of databases.sort((a, b) => pages(a.db) - pages(b.db))) {
        if (db.flags !== 0) note(`${name} has flags that cannot be`)
        checkTree(name, db, seen, most, (node) => {
          if (!deep) return
          const given = withChecksums.includes(name) ? void largeHead(node) : valueOf(node)
          if (given && !isSound(given)) note(`a value of ${name} cannot be read`)
        })
      }
      return problems
    },
    close() { closeSync(handle) },
  }
}
