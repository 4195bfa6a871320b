import { objectStoreContract } from '../../../contracts/object-store.ts'
import { createMemoryObjectStore } from '../../../helpers/memory-object-store.ts'

objectStoreContract('in memory', async () => createMemoryObjectStore())
