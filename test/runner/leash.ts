/** Loaded into a process started by another one: when the other is gone, however it went, this one is asked to stop. */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
