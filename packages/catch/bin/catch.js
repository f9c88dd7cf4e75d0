#!/usr/bin/env node
// A file that is there before the build, so that npm can link the command at once; and one that an old Node can read.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major > 22 || (major === 22 && minor >= 19)) {
  const { catchCommand } = await import('../dist/command.js')
  process.exitCode = await catchCommand(process.argv.slice(2))
} else {
  console.error(`Postroad needs Node 22.19 or newer; this is ${process.versions.node}.`)
  process.exitCode = 1
}
