// First: the stack speaks while it loads.
import { logLibrary } from './library-log.ts'
import { readFile } from 'node:fs/promises'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  MessageSecurityMode, OPCUAClient, SecurityPolicy, UserTokenType,
  type ClientSession, type ClientSessionPublishService, type ClientSessionRawSubscriptionService, type EndpointDescription, type OPCUAClientOptions, type UserIdentityInfo,
} from 'node-opcua-client'
import type { Logger } from 'pino'
import { refuse } from '../../../registry/domain/errors.ts'
import type { SecretReference } from '../kind.ts'
import { openCertificates, type CertificateStore } from './certificates.ts'
import type { OpcUaConnection } from './config.ts'
import { connectionFailure } from './failure.ts'

export interface ConnectOptions {
  readonly connection: OpcUaConnection
  /** Names this client on the server. */
  readonly id: string
  readonly directory: string
  readonly secret: (reference: SecretReference) => string
  readonly log: Logger
}

/** With the services that the stack's own subscriptions are made of: those swallow errors and hold no one back. */
export type RawSession = ClientSession & ClientSessionPublishService & ClientSessionRawSubscriptionService

export interface OpcUaLink {
  readonly session: RawSession
  /** Why the connection has ended, once it has. */
  ended(): string | undefined
  onEnd(listener: () => void): void
  /** Never hangs and never throws: a dead connection cannot be closed politely. */
  close(): Promise<void>
}

const SESSION_TIMEOUT_MS = 120_000
const CONNECT_TIMEOUT_MS = 10_000
const CALL_TIMEOUT_MS = 15_000
const CLOSE_TIMEOUT_MS = 3_000

/** Connects, checks whom it is connected to, and opens a session. Refuses (`unavailable`) with the cure. */
export async function connect({ connection, id, directory, secret, log }: ConnectOptions): Promise<OpcUaLink> {
  logLibrary(log)
  const { endpoint, security, trustOnFirstUse } = connection
  const store = await openCertificates({ directory, id, trustOnFirstUse })
  const opened: OPCUAClient[] = []
  const open = async (options: OPCUAClientOptions) => {
    const client = OPCUAClient.create({ ...clientOptions(store, id), ...options })
    opened.push(client)
    await within(CONNECT_TIMEOUT_MS, client.connect(endpoint), 'Timeout while connecting')
    return client
  }
  try {
    const identity = await identityOf(connection, secret)
    const discovery = await open({ securityMode: MessageSecurityMode.None, securityPolicy: SecurityPolicy.None })
    const chosen = choose(await discovery.getEndpoints(), connection, identity)
    await closeClient(discovery)
    // What discovery says anybody may have sent; from here on only the holder of the certificate's key can answer.
    if (security.mode !== 'None') await store.checkServer(chosen.serverCertificate, endpoint)
    const client = await open({
      securityMode: MessageSecurityMode[security.mode],
      securityPolicy: security.mode === 'None' ? SecurityPolicy.None : SecurityPolicy[security.policy],
      serverCertificate: chosen.serverCertificate, requestedSessionTimeout: SESSION_TIMEOUT_MS, keepSessionAlive: true,
    })
    const session = await within(CONNECT_TIMEOUT_MS, client.createSession2(identity), 'Timeout while opening a session')
    return link(client, session)
  } catch (error) {
    for (const client of opened) void closeClient(client)
    await store.dispose().catch(() => {})
    throw connectionFailure(endpoint, error, store.certificateFile)
  }
}

function clientOptions(store: CertificateStore, id: string): OPCUAClientOptions {
  return {
    applicationName: `Twinward ${id}`, applicationUri: store.applicationUri, clientName: `twinward-${id}`,
    clientCertificateManager: store.manager, certificateFile: store.certificateFile, privateKeyFile: store.privateKeyFile,
    // The gateway makes lost connections anew by itself; a server may name itself otherwise than we reach it.
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 }, endpointMustExist: false, keepPendingSessionsOnDisconnect: true,
    transportTimeout: CONNECT_TIMEOUT_MS, defaultTransactionTimeout: CALL_TIMEOUT_MS,
  }
}

const TOKENS: Readonly<Record<number, string>> = { [UserTokenType.Anonymous]: 'no user', [UserTokenType.UserName]: 'user and password', [UserTokenType.Certificate]: 'user certificate' }

/** The endpoint of the wanted security that takes the wanted kind of user. */
function choose(endpoints: readonly EndpointDescription[], { endpoint, security }: OpcUaConnection, identity: UserIdentityInfo): EndpointDescription {
  const policy: string = security.mode === 'None' ? SecurityPolicy.None : SecurityPolicy[security.policy]
  const secure = endpoints.filter((one) => one.securityMode === MessageSecurityMode[security.mode] && one.securityPolicyUri === policy && (one.endpointUrl ?? '').startsWith('opc.tcp:'))
  if (secure.length === 0) {
    const offered = endpoints.map((one) => `${MessageSecurityMode[one.securityMode]} ${(one.securityPolicyUri ?? '').replace(/^.*#/, '')}`)
    refuse('unavailable', `${endpoint} does not offer security ${security.mode} ${policy.replace(/^.*#/, '')}; it offers ${[...new Set(offered)].join(', ') || 'nothing'}. Choose one of these, or allow it on the server.`, { endpoint })
  }
  const tokensOf = (one: EndpointDescription) => (one.userIdentityTokens ?? []).map(({ tokenType }) => tokenType)
  const fitting = secure.find((one) => tokensOf(one).includes(identity.type))
  if (!fitting) {
    const taken = [...new Set(secure.flatMap(tokensOf))].map((type) => TOKENS[type] ?? `token type ${type}`)
    refuse('unavailable', `${endpoint} does not take ${TOKENS[identity.type] ?? 'this user'} with security ${security.mode}; it takes ${taken.join(', ') || 'nothing'}. Correct \`user\` in the site file.`, { endpoint })
  }
  return fitting
}

async function identityOf({ user }: OpcUaConnection, secret: ConnectOptions['secret']): Promise<UserIdentityInfo> {
  if (user === undefined) return { type: UserTokenType.Anonymous }
  if ('password' in user) return { type: UserTokenType.UserName, userName: user.name, password: secret(user.password) }
  const [certificate, privateKey] = await Promise.all([readNamed(user.certificateFile), readNamed(user.privateKeyFile)])
  try {
    return {
      type: UserTokenType.Certificate,
      certificateData: new X509Certificate(certificate).raw,
      privateKey: createPrivateKey(privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
    }
  } catch {
    return refuse('invalid', `the user's certificate ${user.certificateFile} or its key ${user.privateKeyFile} cannot be read: the one must be PEM or DER, the other PEM without a passphrase`)
  }
}

const readNamed = (file: string) => readFile(file).catch((error: unknown) => (
  refuse('not_found', `${file} of the OPC UA user cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}); correct its path or its rights`)))

function link(client: OPCUAClient, session: ClientSession): OpcUaLink {
  let reason: string | undefined
  const listeners: (() => void)[] = []
  const end = (why: string) => () => {
    reason ??= why
    for (const listener of listeners) listener()
  }
  client.on('connection_lost', end('the connection broke'))
  client.on('abort', end('the server broke the connection off'))
  client.on('close', end('the server closed the connection'))
  session.on('session_closed', end('the server closed the session'))
  return {
    session: session as RawSession,
    ended: () => reason,
    onEnd: (listener) => { listeners.push(listener) },
    async close() {
      if (reason === undefined) await within(CLOSE_TIMEOUT_MS, session.close(true), 'Timeout').catch(() => {})
      await closeClient(client)
    },
  }
}

const closeClient = (client: OPCUAClient) => within(CLOSE_TIMEOUT_MS, client.disconnect(), 'Timeout').catch(() => {})

async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([work, new Promise<never>((_, reject) => { timer = setTimeout(() => { reject(new Error(what)) }, ms) })])
  } finally {
    clearTimeout(timer)
  }
}
