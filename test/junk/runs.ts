/** What a filter is asked: learn a set and judge another, run through time, keep a budget, withstand a user who mislabels. */
import { type Features, type Label, LossBudget, Model, UserTrust } from '@postroad/learn'
import { type Figures, figuresOf, type Judged, shuffled } from './figures.ts'

/** A message as these runs need it. */
export interface Known {
  readonly features: Features
  readonly label: Label
}

/** A model that has learned in this order. */
export function taught(train: readonly Known[], order: number): Model {
  const model = new Model()
  for (const { features, label } of shuffled(train, order)) model.learn(features, label)
  return model
}

/** Ranks of a set. */
export function judgedBy(model: Model, test: readonly Known[]): Judged[] {
  return test.map(({ features, label }) => ({ isJunk: label === 'junk', score: model.score(features).rank }))
}

/** One run through time. */
export interface TimeRun {
  readonly figures: Figures
  /** In percent: wanted mail called junk and junk not called so, judged by the budget once it was proven. */
  readonly lost: number
  readonly missed: number
  readonly wanted: number
  readonly lostCount: number
  /** The threshold at the end. */
  readonly threshold: number
  readonly model: Model
}

/** Each message is judged first and learned `late` messages later; what is judged before `after` does not count. */
export function throughTime(items: readonly Known[], options: { late: number; after: number; oneIn: number }): TimeRun {
  const model = new Model()
  const budget = new LossBudget({ oneIn: options.oneIn })
  const judged: Judged[] = []
  const waiting: { item: Known; verdict: number }[] = []
  let [lost, missed, wanted, junk] = [0, 0, 0, 0]
  for (const [i, item] of items.entries()) {
    const { rank, verdict } = model.score(item.features)
    const isJunk = item.label === 'junk'
    if (i >= options.after) judged.push({ isJunk, score: rank })
    const { isProven, junk: threshold } = budget.state
    if (isProven) {
      const isCalled = verdict > threshold
      if (isJunk) {
        junk++
        if (!isCalled) missed++
      } else {
        wanted++
        if (isCalled) lost++
      }
    }
    waiting.push({ item, verdict })
    while (waiting.length > options.late) {
      const first = waiting.shift()!
      budget.observe(first.verdict, first.item.label)
      model.learn(first.item.features, first.item.label)
    }
  }
  return {
    figures: figuresOf(judged),
    lost: (100 * lost) / Math.max(1, wanted),
    missed: (100 * missed) / Math.max(1, junk),
    wanted,
    lostCount: lost,
    threshold: budget.state.junk,
    model,
  }
}

/** What one user who mislabels does to the others. */
export interface PoisonRun {
  readonly before: Figures
  readonly after: Figures
  /** Labels of honest users that were held back, in percent. */
  readonly heldHonest: number
  /** Labels of the attacker that all learned from. */
  readonly believed: number
}

/** Fifty users teach `train` honestly, then one user teaches `bad`: first `honest` labels as they are, then 500 with the label that `lie` gives. */
export function poisoned(
  train: readonly Known[],
  bad: readonly Known[],
  test: readonly Known[],
  options: { readonly honest: number; readonly lie: (label: Label) => Label; readonly order: number },
): PoisonRun {
  const model = new Model()
  const trust = new UserTrust()
  let held = 0
  const give = (user: string, features: Features, label: Label) => {
    const { isTrusted } = trust.judge(user, model.score(features).verdict, label)
    if (isTrusted) model.learn(features, label)
    return isTrusted
  }
  for (const [i, { features, label }] of shuffled(train, options.order).entries())
    if (!give(`user${i % 50}`, features, label)) held++
  const before = figuresOf(judgedBy(model, test))
  let believed = 0
  for (const [i, { features, label }] of bad.slice(0, options.honest + 500).entries()) {
    const said = i >= options.honest ? options.lie(label) : label
    if (give('attacker', features, said) && said !== label) believed++
  }
  return { before, after: figuresOf(judgedBy(model, test)), heldHonest: (100 * held) / train.length, believed }
}
