import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { OPCUACertificateManager } from 'node-opcua-certificate-manager'
import { setErrorLogger, setWarningLogger } from 'node-opcua-debug'
import { OPCUAServer, type OPCUAServerOptions } from 'node-opcua-server'

/** A real OPC UA server of the test's own, on a free port and with a folder that goes with it. */
export interface TestOpcUaServer {
  readonly server: OPCUAServer
  readonly endpoint: string
  readonly port: number
  readonly certificates: OPCUACertificateManager
  close(): Promise<void>
}

export async function startOpcUaServer(options: OPCUAServerOptions & { port?: number } = {}): Promise<TestOpcUaServer> {
  const quiet = () => {}
  setWarningLogger(quiet)
  setErrorLogger(quiet)
  const folder = await mkdtemp(path.join(tmpdir(), 'twinward-opcua-server-'))
  const certificates = new OPCUACertificateManager({ rootFolder: path.join(folder, 'pki'), automaticallyAcceptUnknownCertificate: true, disableFileWatchers: true })
  await certificates.initialize()
  const port = options.port ?? await freePort()
  const server = new OPCUAServer({
    hostname: '127.0.0.1', alternateHostname: ['localhost'], resourcePath: '/plant', serverCertificateManager: certificates,
    userCertificateManager: certificates, isAuditing: false, ...options, port,
  })
  await server.initialize()
  return {
    server, port, certificates, endpoint: `opc.tcp://127.0.0.1:${port}/plant`,
    async close() {
      await server.shutdown(0)
      await certificates.dispose()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => { probe.listen(0, '127.0.0.1', resolve) })
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => { probe.close(resolve) })
  return port
}
