import type { EnrolDeps } from '../../registry/services/gateways/enrol-gateway.ts'
import type { AuthorityKeeper } from '../../registry/services/gateways/rotate-authority.ts'
import type { DoorConfig } from '../config.ts'
import { addAuthority } from './folder.ts'
import { openAuthority } from './authority.ts'
import { keyIdOf } from './x509.ts'

/** The authority as the API needs it: what goes into tokens, and exchanging it. Signing is the door's. */
export async function openAuthorityKeeper(dataDir: string, { authority: yours, name, port }: DoorConfig): Promise<AuthorityKeeper & EnrolDeps['door']> {
  const nowUs = () => Date.now() * 1000
  const authority = await openAuthority({ dataDir, nowUs, ...(yours && { yours }) })
  /** The door may have retired one, or another process have made one. */
  const fresh = () => {
    authority.reload()
    return authority.certificates()
  }
  return {
    isYours: authority.isYours,
    address: `${name.includes(':') ? `[${name}]` : name}:${port}`,
    pins: () => fresh().map(keyIdOf),
    list: () => {
      const all = fresh()
      return all.map((certificate, at) => ({ id: keyIdOf(certificate), notAfterUs: Date.parse(certificate.validTo) * 1000, signs: at === (authority.isYours ? 0 : all.length - 1) }))
    },
    async add() {
      const { made, keyId } = await addAuthority(dataDir, nowUs())
      if (!made) throw new Error('another process made an authority at the same moment; that one signs now')
      return keyId
    },
  }
}
