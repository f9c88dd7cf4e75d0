#!/usr/bin/env node
/** The command `postroad`. */
import { main } from './main.ts'

/** Milliseconds: a timer or socket that a plugin forgot must not keep the process. */
const PATIENCE = 1_000

// `postroad queue list | head` ends when head has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await main(process.argv.slice(2))
setTimeout(() => process.exit(), PATIENCE).unref()
