import { definePlugin, Spool, quarantine as setAside } from '@postroad/plugin'
import { pluginContract } from '@postroad/testing'
import { memorySpool } from '../../../packages/testing/src/memory-store.ts'
import { quarantine } from './index.ts'

const suspicious = definePlugin({ name: 'suspicious', hooks: { message: () => setAside('all of it') } })

pluginContract(quarantine, { services: [[Spool, memorySpool()]], with: [suspicious()] })
