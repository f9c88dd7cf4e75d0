import { queueContract } from '@postroad/queue-engine/contract'
import { embeddedQueue } from './processes.ts'

queueContract({ name: 'embedded (LMDB)', open: embeddedQueue, rounds: 40 })
