/** Where the project lives on the web, in every package.json that is published: readers of a registry go there. */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT, readWorkspaces } from '../structure/workspace.ts'

/** Names of packages that do not say where they come from. */
export function withoutAddress(): readonly string[] {
  return readWorkspaces()
    .filter(({ manifest }) => manifest.private !== true && !(manifest.repository && manifest.homepage && manifest.bugs))
    .map(({ manifest }) => manifest.name)
}

/**
 * Writes `repository`, `homepage` and `bugs` after the licence of each.
 *
 * @param address of the repository, as one opens it in a browser
 * @throws {TypeError} when it is no https address
 */
export function writeAddress(address: string): void {
  const url = address.replace(/(?:\.git)?\/?$/, '')
  if (!/^https:\/\/[^/\s]+\/\S+$/.test(url)) throw new TypeError(`"${address}" is not like https://host/owner/name`)
  for (const { folder, manifest } of readWorkspaces()) {
    if (manifest.private === true) continue
    const file = path.join(ROOT, folder, 'package.json')
    const { repository: _, homepage: __, bugs: ___, ...rest } = JSON.parse(readFileSync(file, 'utf8'))
    const named = Object.entries(rest).flatMap(([key, value]) =>
      key === 'license' ? [[key, value], ...Object.entries(fields(url, folder))] : [[key, value]],
    )
    writeFileSync(file, `${JSON.stringify(Object.fromEntries(named), undefined, 2)}\n`)
  }
}

function fields(url: string, directory: string): object {
  return {
    repository: { type: 'git', url: `git+${url}.git`, directory },
    homepage: `${url}/tree/main/${directory}#readme`,
    bugs: `${url}/issues`,
  }
}
