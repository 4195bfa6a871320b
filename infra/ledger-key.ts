import { createCheckpointSigner, type CheckpointSigner } from '../registry/artifacts/checkpoint.ts'
import { signingKey } from './signing-key.ts'

/** Signs the checkpoints of the ledger. What a former key signed stays verifiable, by the public key kept beside it. */
export const ledgerSigner = (dataDir: string): CheckpointSigner => signingKey(dataDir, 'ledger-key.pem', createCheckpointSigner)
