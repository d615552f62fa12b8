/**
 * One step of the election as a line of `DEBUG=lease-elector:driver`.
 */

import type { Effect } from '../core/effect.ts';
import type { Fact } from '../core/input.ts';
import type { ElectionState } from '../core/state.ts';

/** The fact, the role after the step, and the effects, with the name and time of each timer. */
export function stepLine(fact: Fact, state: ElectionState, effects: readonly Effect[]): string {
  const happened = fact.type === 'timerFired' ? `timerFired ${fact.timer}` : fact.type;
  return `${state.config.self.name}: ${happened} → ${state.role.name} [${effects.map(effectWord).join(', ')}]`;
}

function effectWord(effect: Effect): string {
  switch (effect.type) {
    case 'announce':
      return `announce ${effect.announcement.type}`;
    case 'setTimer':
      return `setTimer ${effect.timer} ${Math.ceil(effect.afterMs)} ms`;
    case 'clearTimer':
      return `clearTimer ${effect.timer}`;
    default:
      return effect.type;
  }
}
