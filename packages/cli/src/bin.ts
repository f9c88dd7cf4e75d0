#!/usr/bin/env node
/** The command `postroad`. */
import path from 'node:path'
import { main } from './main.ts'

/** Milliseconds: a timer or socket that a plugin forgot must not keep the process. */
const PATIENCE = 1_000

// `postroad queue list | head` ends when head has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const [, self = '', ...words] = process.argv
// A link of that name is what programs call that know nothing of us.
process.exitCode = await main(path.basename(self) === 'sendmail' ? ['sendmail', ...words] : words)
setTimeout(() => process.exit(), PATIENCE).unref()
