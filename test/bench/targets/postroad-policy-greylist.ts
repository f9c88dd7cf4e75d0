import { greylist } from '@postroad/greylist'
import { startPolicyService } from '../filter-target.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'Postroad as a policy service: greylisting',
  // All questions come from few networks here, each of which may make only so many first attempts by default.
  start: (place) => startPolicyService(place, greylist({ attempts: 1_000_000_000 })),
}
