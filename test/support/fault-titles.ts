/** Which of the 112 faults the title of a test names: `fault 12`, `fault 12, 13`. */
export const faultsIn = (title: string): number[] =>
  Array.from(title.matchAll(/(?:^|['"`\s])fault (\d+(?:, \d+)*)/g), ([, list = '']) =>
    list.split(', ').map(Number),
  ).flat()
