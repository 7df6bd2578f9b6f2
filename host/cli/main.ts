#!/usr/bin/env node
/** `vivarium`: the command line. Commands are data; this file hands them to commander. */
import { Command as Program, CommanderError } from 'commander';
import { benchCommand } from './bench.ts';
import { checkCommand } from './check.ts';
import { type Command, exitCodes } from './command.ts';
import { doctorCommand } from './doctor.ts';
import { explain } from './explain.ts';
import { policyExplainCommand } from './policyExplain.ts';
import { policyLearnCommand } from './policyLearn.ts';
import { policyShowCommand } from './policyShow.ts';
import { runCommand } from './run.ts';
import { packageVersion } from './version.ts';

const commands: readonly Command[] = [runCommand, checkCommand, benchCommand, policyExplainCommand, policyShowCommand, policyLearnCommand, doctorCommand];

function createProgram(): Program {
  const program = new Program('vivarium')
    .description('Runs flows of JavaScript, Python and WebAssembly actors, each behind three walls and its own policy.')
    .version(packageVersion())
    .showHelpAfterError('`vivarium --help` shows what there is.')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '')) })
    .addHelpText(
      'after',
      `\nExamples:\n${commands.map((command) => `  $ ${command.examples[0]}`).join('\n')}\n\nExit codes: 0 all went well; 1 some of it failed; 2 the command, the manifest or the machine is wrong; 3 \`policy explain\`: denied.`,
    );
  for (const command of commands) addCommand(program, command);
  return program;
}

/** What commands with names of two words have in common. */
const groups: Readonly<Record<string, string>> = { policy: 'Answers what a policy allows, and why.' };

function groupOf(program: Program, name: string): Program {
  const known = program.commands.find((command) => command.name() === name);
  const summary = groups[name] ?? '';
  return known ?? program.command(name).summary(summary).description(summary).showHelpAfterError(`\`vivarium ${name} --help\` shows what there is.`);
}

function addCommand(program: Program, command: Command): void {
  const [first = '', second] = command.name.split(' ');
  const added = (second === undefined ? program : groupOf(program, first))
    .command(second ?? first)
    .summary(command.summary)
    .description(command.details === undefined ? command.summary : `${command.summary}\n\n${command.details}`)
    .showHelpAfterError(`\`vivarium ${command.name} --help\` shows what there is.`);
  for (const { name, description } of command.arguments) added.argument(name, description);
  for (const { flags, description } of command.options) added.option(flags, description);
  added.addHelpText('after', `\nExamples:\n${command.examples.map((example) => `  $ ${example}`).join('\n')}`);
  added.action(async (...given: unknown[]) => {
    const positional = given.slice(0, command.arguments.length) as string[];
    const options = given[command.arguments.length] as Record<string, unknown>;
    process.exitCode = await command.run(positional, options);
  });
}

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.invalid;
  else {
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = exitCodes.invalid;
  }
}
