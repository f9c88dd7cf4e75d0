import { definePlugin, Spool, quarantine as setAside } from '@postroad/plugin'
import { memorySpool, pluginContract } from '@postroad/testing'
import { quarantine } from './index.ts'

const suspicious = definePlugin({ name: 'suspicious', hooks: { message: () => setAside('all of it') } })

pluginContract(quarantine, { services: [[Spool, memorySpool()]], with: [suspicious()] })
