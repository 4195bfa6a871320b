import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { S3Connection } from '../config.ts'
import type { EmbeddedServer, PartPlaces } from './part.ts'
import { probeS3 } from './probes.ts'
import type { Secrets } from './secrets.ts'
import { locateTool, plainEnv } from './tools.ts'

/** MinIO on one folder. Object lock works there too, so the buckets behave as they do on a cluster. */
export function embeddedMinio(
  port: number, names: { bucketPrefix: string; region: string }, secrets: Secrets, places: PartPlaces,
): EmbeddedServer<S3Connection> {
  const tool = locateTool('minio')
  const dir = path.join(places.dataDir, 'minio')
  const connection: S3Connection = {
    endpoint: `http://127.0.0.1:${port}`,
    region: names.region,
    bucketPrefix: names.bucketPrefix,
    accessKey: secrets.minioUser,
    secretKey: secrets.minioPassword,
  }
  return {
    version: tool.version,
    address: connection.endpoint,
    connection,
    spec: {
      name: 'minio',
      command: tool.path,
      args: ['server', dir, '--address', `127.0.0.1:${port}`, '--quiet'],
      env: plainEnv({
        MINIO_ROOT_USER: secrets.minioUser,
        MINIO_ROOT_PASSWORD: secrets.minioPassword,
        MINIO_REGION: names.region,
        // Its own console and its look for updates are of no use here.
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      }),
      graceMs: 3_500,
      logFile: places.logFile,
      pidFile: places.pidFile,
      prepare() { mkdirSync(dir, { recursive: true, mode: 0o700 }) },
      ready: async () => { await probeS3(connection) },
    },
    wipe() {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
