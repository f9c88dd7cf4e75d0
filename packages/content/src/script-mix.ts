/** Names that look like others: letters of several scripts in one word, or all of another script that look Latin (UTS 39). */

/** Scripts of which letters look Latin. */
const LOOKALIKE = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u
const LATIN = /\p{Script=Latin}/u
const LETTERS = /[\p{L}\p{M}]+/gu

/** Letters that look like a Latin one, of confusables.txt: those that names can be made of. */
const SKELETON: ReadonlyMap<string, string> = new Map(
  [
    ...pairs('аеорсухіјѕԁԛԝһӏкмнвтпгчь', 'aeopcyxijsdqwhlkmhbtnrcb'),
    ...pairs('αεορυνικτχωγηβ', 'aeopuviktxwynb'),
    ...pairs('օոսցհյ', 'onughj'),
    ...pairs('ıłøđħ', 'ilodh'),
  ].map(([from, to]) => [from, to]),
)

function pairs(from: string, to: string): readonly (readonly [string, string])[] {
  return [...from].map((letter, place) => [letter, to[place] ?? ''])
}

/** Whether a word of it has Latin letters beside some of a script that looks like it. Japanese with Latin is no such thing. */
export function mixesScripts(text: string): boolean {
  if (!LOOKALIKE.test(text)) return false
  return (text.match(LETTERS) ?? []).some((word) => LATIN.test(word) && LOOKALIKE.test(word))
}

/**
 * What a name looks like in ASCII; undefined when it is ASCII already, or does not look so.
 *
 * @param text lower-case
 */
export function looksLike(text: string): string | undefined {
  let skeleton = ''
  let isChanged = false
  for (const character of text.normalize('NFD')) {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x80) skeleton += character
    else if (SKELETON.has(character)) {
      skeleton += SKELETON.get(character)
      isChanged = true
    } else if (!/\p{M}/u.test(character)) return undefined
  }
  return isChanged ? skeleton : undefined
}
