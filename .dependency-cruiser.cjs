/** The layer rule of the architecture: sdk <- runtimes <- host. Nothing imports upwards, nothing imports in a circle. */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    { name: 'sdk-is-the-ground-floor', severity: 'error', from: { path: '^sdk/' }, to: { path: '^(runtimes|host)/' } },
    { name: 'runtimes-know-no-host', severity: 'error', from: { path: '^runtimes/', pathNot: '^runtimes/build/' }, to: { path: '^host/' } },
    {
      name: 'guests-know-no-node',
      comment: 'What runs inside an isolate has no Node realm.',
      severity: 'error',
      from: { path: '^runtimes/guest/|\\.guest\\.ts$|^sdk/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'the-host-runs-no-guest-code',
      severity: 'error',
      from: { path: '^host/' },
      to: { path: '^runtimes/(guest|cell|javascript|python)/|\\.guest\\.ts$' },
    },
    { name: 'nothing-imports-tests', severity: 'error', from: { path: '^(sdk|runtimes|host)/' }, to: { path: '^(test|bench|examples)/' } },
    {
      name: 'no-orphan-packages',
      severity: 'error',
      from: { path: '^(sdk|runtimes|host)/', pathNot: '^runtimes/(build|guest)/|\\.guest\\.ts$' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    exclude: { path: '/assembly/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'], extensions: ['.ts', '.js', '.d.ts'] },
  },
};
