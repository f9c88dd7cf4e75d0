/** Something that can be measured: one small file in `targets/`, loaded in a process of its own. */

/** What a target is given to start with. */
export interface Place {
  /** Port on 127.0.0.1 to listen on. */
  readonly port: number
  /** Port on 127.0.0.1 of a bare responder, for targets that pass mail on. */
  readonly sinkPort: number
  /** An empty folder of its own, taken away afterwards. */
  readonly folder: string
  /** Path of a UNIX socket in it: where a target of a scenario that `speaks` something else than SMTP listens instead. */
  readonly socket: string
}

/** A target that runs. */
export interface Running {
  close(): Promise<void> | void
  /** For a target whose work is done by other processes. Default: this process. */
  usage?(): Usage
  /** Messages that have come to it; for a sink. */
  received?(): number
}

/** What a target has used since it started. */
export interface Usage {
  /** User and system time, microseconds. */
  readonly cpuUs: number
  /** Resident memory now, octets. */
  readonly rss: number
  /** The most it ever was, octets. */
  readonly peakRss: number
  /** Messages that have come to it, where it counts them. */
  readonly received?: number
  /** The processes whose time this is. */
  readonly pids: readonly number[]
  /** What these have asked of the kernel, where that is counted. */
  readonly work?: Work
}

/** Calls and octets of processes, sockets and files alike, `proc_pid_io(5)`. */
export interface Work {
  readonly reads: number
  readonly writes: number
  /** Octets that the kernel copied for these reads and writes. */
  readonly copied: number
  /** Octets that went, or will go, to the disk. */
  readonly stored: number
}

/** What is counted in a round of its own, by `perf stat`: all calls of the system, and those that wait for the disk. */
export interface Calls {
  readonly calls: number
  readonly syncs: number
}

/** What a file in `targets/` exports as `target`. */
export interface Target {
  /** One line for `--help`. */
  readonly title: string
  /** @throws {Error} `not installed: …` when the machine lacks what it needs: it is then left out */
  start(place: Place): Promise<Running>
}
