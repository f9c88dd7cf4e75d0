/** Milliseconds of the processor that this process has used since, whatever else the machine does. */
export function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}
