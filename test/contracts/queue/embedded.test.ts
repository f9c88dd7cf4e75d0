import { queueContract } from '@postroad/queue/contract'
import { embeddedQueue } from './processes.ts'

queueContract({ name: 'embedded (LMDB)', open: embeddedQueue, rounds: 40 })
