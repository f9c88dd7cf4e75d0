import { queueContract } from '@postroad/testing/queue'
import { embeddedQueue } from './processes.ts'

queueContract({ name: 'embedded (LMDB)', open: embeddedQueue, rounds: 40 })
