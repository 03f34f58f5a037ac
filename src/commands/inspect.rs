//! `beeline inspect`: shows a program in one of its forms.

use crate::args::{Emit, Format, Inspect};
use crate::failure::Failure;
use crate::input::{self, Prepared};
use beeline_frontend::cfg::{self, Cfg};
use beeline_frontend::program::{Program, Subprog};
use beeline_frontend::{disasm, Insn, Pc, VerifiedProgram};
use beeline_testbench::flow;
use serde_json::{json, Value};
use std::collections::BTreeMap;

pub(super) fn inspect(args: &Inspect) -> Result<(), Failure> {
    match args.emit {
        Emit::Summary => summary(args),
        Emit::Disasm => listing(args),
        Emit::Cfg => cfg(args),
        Emit::Ir => ir(args),
        Emit::Pipeline => pipeline(args),
        Emit::Schedule => schedule(args),
    }
}

/// Refuses the formats that a form does not have.
fn only(args: &Inspect, formats: &[Format]) -> Result<(), Failure> {
    if formats.contains(&args.format) {
        return Ok(());
    }
    let format = format!("{:?}", args.format).to_lowercase();
    let emit = format!("{:?}", args.emit).to_lowercase();
    Err(Failure::Unusable(format!("--emit {emit} has no --format {format}")))
}

fn summary(args: &Inspect) -> Result<(), Failure> {
    only(args, &[Format::Text, Format::Json])?;
    let program = input::program(&args.source)?;
    let helpers = helpers(&program);
    if args.format == Format::Json {
        let maps: Vec<Value> = program
            .maps
            .iter()
            .map(|m| {
                json!({"name": m.name, "type": m.kind.name(), "key_size": m.key_size,
                       "value_size": m.value_size, "max_entries": m.max_entries})
            })
            .collect();
        let functions: Vec<&str> = program.subprogs.iter().map(|s| s.name.as_str()).collect();
        let object = json!({"program": program.name, "section": program.section, "license": program.license,
            "instructions": program.insns.len(), "functions": functions, "helpers": helpers, "maps": maps});
        println!("{object}");
        return Ok(());
    }
    println!("program {} in section {}", program.name, program.section);
    println!("  license       {}", program.license.as_deref().unwrap_or("none"));
    println!("  instructions  {}", program.insns.len());
    for s in &program.subprogs {
        println!("  function      {} (insn {} to {})", s.name, s.start.0, s.end.0);
    }
    for (helper, calls) in &helpers {
        println!("  helper        {helper}, {calls} calls");
    }
    for m in &program.maps {
        println!(
            "  map           {}: {}, key {} bytes, value {} bytes, {} entries",
            m.name, m.kind, m.key_size, m.value_size, m.max_entries
        );
    }
    Ok(())
}

/// Helpers called, by name, with the number of calls.
fn helpers(program: &Program) -> BTreeMap<String, usize> {
    let mut helpers = BTreeMap::new();
    for insn in &program.insns {
        if let Insn::Call(beeline_frontend::insn::Callee::Helper(id)) = insn {
            let name = beeline_frontend::verifier::helper_name(*id);
            let label = name.map_or(format!("helper {id}"), str::to_string);
            *helpers.entry(label).or_insert(0) += 1;
        }
    }
    helpers
}

fn listing(args: &Inspect) -> Result<(), Failure> {
    only(args, &[Format::Text, Format::Json])?;
    let program = input::program(&args.source)?;
    if args.format == Format::Text {
        print!("{}", disasm::program(&program));
        return Ok(());
    }
    for (n, insn) in program.insns.iter().enumerate() {
        if !matches!(insn, Insn::Imm64Tail) {
            let line = program.lines.get(n).and_then(|l| l.as_ref());
            let line = line.map(|l| json!({"file": l.file, "line": l.line, "text": l.text}));
            let text = disasm::insn(&program, Pc(n as u32), insn);
            println!("{}", json!({"pc": n, "insn": text, "line": line}));
        }
    }
    Ok(())
}

fn cfg(args: &Inspect) -> Result<(), Failure> {
    let program = input::program(&args.source)?;
    match args.format {
        Format::Text => print!("{}", cfg::text(&program)),
        Format::Dot => print!("{}", cfg::dot(&program)),
        Format::Json => {
            for function in &program.subprogs {
                println!("{}", cfg_json(&program, function));
            }
        }
    }
    Ok(())
}

/// One function: blocks by first slot, with their successors.
fn cfg_json(program: &Program, function: &Subprog) -> Value {
    let cfg = Cfg::new(program, function);
    let start = |b| cfg.block(b).start.0;
    let blocks: Vec<Value> = cfg
        .blocks()
        .map(|b| {
            let to: Vec<u32> = cfg.successors(b).into_iter().map(|(s, _)| start(s)).collect();
            json!({"start": start(b), "end": cfg.block(b).end.0, "successors": to})
        })
        .collect();
    json!({"function": function.name, "blocks": blocks})
}

fn ir(args: &Inspect) -> Result<(), Failure> {
    only(args, &[Format::Text])?;
    let Prepared { verified, tail_calls, .. } = input::prepared(&args.source)?;
    let options = input::options(&args.device, &tail_calls, 0, 0)?;
    match &args.print_after {
        None => {
            let function =
                flow::optimised(&verified, &options, &mut |_, _| {}).map_err(input::refused)?;
            print!("{function}");
        }
        Some(pass) => print_after(&verified, &options, pass)?,
    }
    Ok(())
}

fn print_after(
    verified: &VerifiedProgram,
    options: &flow::Options,
    pass: &str,
) -> Result<(), Failure> {
    let known: Vec<&str> =
        std::iter::once("lift").chain(beeline_ir::passes::PASSES.iter().map(|p| p.name)).collect();
    if !known.contains(&pass) {
        return Err(Failure::Unusable(format!(
            "there is no pass `{pass}`; the passes are: {}",
            known.join(", ")
        )));
    }
    let mut found = None;
    flow::optimised(verified, options, &mut |name, f| {
        if name == pass {
            found = Some(f.to_string());
        }
    })
    .map_err(input::refused)?;
    match found {
        Some(text) => print!("{text}"),
        None => eprintln!("notice: pass `{pass}` did not run on this program"),
    }
    Ok(())
}

fn pipeline(args: &Inspect) -> Result<(), Failure> {
    only(args, &[Format::Text])?;
    let Prepared { verified, tail_calls, .. } = input::prepared(&args.source)?;
    let options = input::options(&args.device, &tail_calls, 0, 0)?;
    let function = flow::optimised(&verified, &options, &mut |_, _| {}).map_err(input::refused)?;
    let pipeline = flow::predicated(&function).map_err(input::refused)?;
    print!("{pipeline}");
    Ok(())
}

fn schedule(args: &Inspect) -> Result<(), Failure> {
    only(args, &[Format::Text])?;
    let Prepared { verified, tail_calls, .. } = input::prepared(&args.source)?;
    let options = input::options(&args.device, &tail_calls, 0, 0)?;
    let compiled = input::hardware(&verified, &options)?;
    print!("{}", beeline_ir::schedule::summary(&compiled.staged));
    Ok(())
}
