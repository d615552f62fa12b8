/**
 * A plugin of typedoc: writes the comment of each value of a union below the union. typedoc-plugin-markdown leaves them out
 * where the values are strings.
 */

import { ReflectionKind } from 'typedoc';

export function load(application) {
  application.converter.on('resolveEnd', ({ project }) => {
    for (const reflection of project.getReflectionsByKind(ReflectionKind.TypeAlias)) {
      const { type, comment } = reflection;
      if (type?.type !== 'union' || type.elementSummaries === undefined || comment === undefined) continue;
      const rows = type.types.flatMap((member, index) => {
        const value = member.type === 'literal' ? String(member.value) : member.toString();
        const meaning = (type.elementSummaries[index] ?? []).map(({ text }) => text).join('');
        // A union within the union has a page of its own.
        if (meaning === '') return [];
        return `| \`${value}\` | ${meaning.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')} |`;
      });
      comment.summary.push({ kind: 'text', text: `\n\n| value | meaning |\n|---|---|\n${rows.join('\n')}` });
    }
  });
}
