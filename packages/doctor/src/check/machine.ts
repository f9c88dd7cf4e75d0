/** The machine that the server runs on. */
import type { HealthFinding } from '@postroad/plugin'
import { proveResolver } from '@postroad/tls-policy'
import type { Check, DoctorContext } from '../check.ts'
import { fault, ok, remark } from '../finding.ts'

/** The runtime. */
export const runtime: Check = {
  name: 'node',
  group: 'local',
  summary: 'Node.js is one that this server was tested with, and that gets corrections.',
  rfc: '',
  async run({ world: { nodeVersion } }) {
    const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
    const fix = 'Install Node.js 24.'
    if (major < 22 || (major === 22 && minor < 19))
      return [fault('Node.js', `${nodeVersion}, older than 22.19`, { fix })]
    if (major % 2 === 1) return [remark('Node.js', `${nodeVersion} gets corrections for half a year only`, { fix })]
    return [ok('Node.js', nodeVersion)]
  },
}

/** Open files. */
export const limits: Check = {
  name: 'limits',
  group: 'local',
  summary: 'A process may have as many files open as connections need.',
  rfc: '',
  async run({ world }) {
    const files = await world.openFiles()
    if (files === undefined) return []
    const fix = 'LimitNOFILE=65536 in the unit of systemd, or `ulimit -n 65536` before the start.'
    if (files < 1024) return [fault('open files', `${files} at once: each connection and each message is one`, { fix })]
    if (files < 4096) return [remark('open files', `${files} at once`, { fix })]
    return [ok('open files', String(files))]
  },
}

/** The clock. */
export const clock: Check = {
  name: 'clock',
  group: 'local',
  summary: 'The clock agrees with the world’s: signatures, certificates and TOTP are by it.',
  rfc: 'RFC 5905',
  async run({ world, signal }) {
    const offset = await world.clockOffsetMs(signal)
    const fix = 'Let something set it: systemd-timesyncd, chrony.'
    if (offset === undefined)
      return [
        remark('clock', 'nobody could be asked for the time', {
          fix: 'Say with --time who can be: --time ntp.example.net.',
        }),
      ]
    const seconds = (Math.abs(offset) / 1000).toFixed(1)
    const way = offset > 0 ? 'ahead' : 'behind'
    if (Math.abs(offset) > 60_000) return [fault('clock', `${seconds} s ${way}`, { rfc: 'RFC 6376 §3.5', fix })]
    if (Math.abs(offset) > 2_000) return [remark('clock', `${seconds} s ${way}`, { rfc: 'RFC 6376 §3.5', fix })]
    return [ok('clock', `${Math.round(offset)} ms from the world’s`)]
  },
}

/** Room. */
export const disk: Check = {
  name: 'disk',
  group: 'local',
  summary: 'Where mail is kept there is room, in octets and in files.',
  rfc: 'RFC 5321 §4.2.3',
  run: async ({ folders, world }) => (await Promise.all(folders.map((folder) => ofFolder(folder, world)))).flat(),
}

const GIB = 1_073_741_824

async function ofFolder(folder: string, world: DoctorContext['world']): Promise<HealthFinding[]> {
  const room = await world.disk(folder)
  if (room === undefined) return []
  const { freeBytes, totalBytes, freeInodes, totalInodes } = room
  const said: HealthFinding[] = []
  const fix = 'Make room, or give it a larger file system: a full one means 452 to everybody.'
  const gib = (freeBytes / GIB).toFixed(1)
  const share = totalBytes === 0 ? 1 : freeBytes / totalBytes
  if (freeBytes < GIB / 4) said.push(fault(folder, `${gib} GiB free`, { rfc: 'RFC 5321 §4.2.3', fix }))
  else if (freeBytes < GIB || share < 0.05)
    said.push(remark(folder, `${gib} GiB free, ${(share * 100).toFixed(0)} %`, { rfc: 'RFC 5321 §4.2.3', fix }))
  if (totalInodes > 0 && freeInodes / totalInodes < 0.02)
    said.push(
      fault(folder, `${freeInodes} files more, then it is full`, {
        rfc: 'RFC 5321 §4.2.3',
        fix: 'Take small files away, or make the file system with more inodes.',
      }),
    )
  else if (totalInodes > 0 && freeInodes / totalInodes < 0.1)
    said.push(
      remark(folder, `${freeInodes} files more`, {
        fix: 'Take small files away, or make the file system with more inodes.',
      }),
    )
  return said.length > 0 ? said : [ok(folder, `${gib} GiB free`)]
}

/** How long stable storage takes. */
export const fsync: Check = {
  name: 'fsync',
  group: 'local',
  summary: 'What is written is on stable storage soon: a message is answered 250 only then.',
  rfc: 'RFC 5321 §6.1',
  async run({ folders: [folder], world }) {
    if (folder === undefined) return []
    const rfc = 'RFC 5321 §6.1'
    let ms: number | undefined
    try {
      ms = await world.fsyncMs(folder)
    } catch (error) {
      return [
        fault(folder, `it cannot be written: ${error instanceof Error ? error.message : error}`, {
          rfc,
          fix: 'Give it to the user of the server; `postroad check --user NAME` looks with its rights.',
        }),
      ]
    }
    if (ms === undefined) return []
    const fix = 'Use a disk with a cache that survives a power cut, or another than one over the network.'
    if (ms > 200) return [fault(folder, `${ms.toFixed(1)} ms until it is written`, { rfc, fix })]
    if (ms > 20) return [remark(folder, `${ms.toFixed(1)} ms until it is written`, { rfc, fix })]
    return [ok(folder, `${ms.toFixed(1)} ms until it is written`)]
  },
}

/** Rights. */
export const permissions: Check = {
  name: 'permissions',
  group: 'local',
  summary: 'What is kept is not for every user of the machine, and the server is not root.',
  rfc: '',
  async run({ folders: [folder], world }) {
    const said: HealthFinding[] = []
    if (folder !== undefined) {
      const reading = await world.file(folder).catch(() => undefined) // that it is not there yet is said by check
      if (reading && (reading.mode & 0o002) !== 0)
        said.push(
          fault(folder, `every user may write in it (${(reading.mode & 0o777).toString(8)})`, {
            fix: `chmod 750 ${folder}.`,
          }),
        )
      else if (reading && (reading.mode & 0o004) !== 0)
        said.push(
          remark(folder, `every user may look into it (${(reading.mode & 0o777).toString(8)})`, {
            fix: `chmod 750 ${folder}.`,
          }),
        )
      if (reading && reading.uid === 0)
        said.push(
          remark(folder, 'it belongs to root: then the server runs as root', {
            fix: 'Run it as a user of its own: postroad start --user postroad.',
          }),
        )
    }
    return said.length > 0 || folder === undefined ? said : [ok(folder, 'only for its user and group')]
  },
}

/** Who answers our questions. */
export const resolver: Check = {
  name: 'resolver',
  group: 'local',
  summary: 'The resolver answers, and validates DNSSEC, without which there is no DANE.',
  rfc: 'RFC 4035 §4.9.3',
  async run({ dns, probe, signal }) {
    const { state, reason } = await proveResolver(dns, probe, signal)
    if (state === 'validates') return [ok('resolver', reason)]
    if (state === 'blind')
      return [
        remark('resolver', reason, {
          rfc: 'RFC 7672 §2.2',
          fix: 'apt install unbound, and nameserver 127.0.0.1 in /etc/resolv.conf.',
        }),
      ]
    return [
      fault('resolver', reason, {
        rfc: 'RFC 5321 §5.1',
        fix: 'Look at /etc/resolv.conf and whether UDP and TCP to port 53 get through.',
      }),
    ]
  },
}

/** What `postroad check` says. */
export const configuration: Check = {
  name: 'configuration',
  group: 'local',
  summary: 'What `postroad check` has to say: mistakes and warnings.',
  rfc: '',
  run: async ({ configuration: said }) =>
    said.length === 0
      ? [ok('configuration', 'no mistakes, no warnings')]
      : said.map(({ message, fix, isFault }) => (isFault ? fault : remark)('configuration', message, { fix })),
}
