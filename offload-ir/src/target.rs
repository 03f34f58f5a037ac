//! Target descriptions: clock, delays, memory latencies. Built-in ones are files in `offload-ir/targets`.

/// A device family at a clock, as the scheduler sees it. Delays in picoseconds.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TargetDesc {
    /// Name, for example `xcup` or `ecp5`.
    pub name: String,
    /// Clock in MHz.
    pub clock_mhz: u32,
    /// Register clock-to-output plus set-up plus clock uncertainty.
    pub register_overhead_ps: u32,
    /// One look-up table with its average routing.
    pub lut_ps: u32,
    /// Carry chain: per bit.
    pub carry_bit_ps: u32,
    /// Carry chain: getting on and off.
    pub carry_base_ps: u32,
    /// Inputs of a look-up table.
    pub lut_inputs: u32,
    /// One hardware multiplier, combinational.
    pub dsp_ps: u32,
    /// Block RAM clock-to-output, for rows used in the stage they arrive in.
    pub bram_out_ps: u32,
    /// Stages from a key to its entry, in a keyed map.
    pub hash_latency: u32,
    /// Stages from an entry to its row, in a value memory.
    pub value_latency: u32,
    /// Stream width in bytes.
    pub bus_bytes: u32,
}

/// Why a target description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Neither a built-in target nor a file.
    #[error("`{0}` is neither a built-in target ({known}) nor a file", known = TargetDesc::BUILT_IN.join(", "))]
    Unknown(String),
    /// The file cannot be read.
    #[error("cannot read target description `{0}`: {1}")]
    Unreadable(String, std::io::Error),
    /// The file is not a target description.
    #[error("`{0}` is not a target description: {1}")]
    Malformed(String, serde_json::Error),
    /// A number makes no sense.
    #[error("target description `{0}`: {1}")]
    Senseless(String, &'static str),
}

impl TargetDesc {
    /// Names of the built-in targets; the first is the default.
    pub const BUILT_IN: [&'static str; 2] = ["xcup", "ecp5"];

    /// The built-in target of that name: `xcup` (AMD UltraScale+, speed grade -2) or `ecp5` (Lattice ECP5-5G, speed grade 8).
    pub fn built_in(name: &str) -> Option<Self> {
        let text = match name {
            "xcup" => include_str!("../targets/xcup.json"),
            "ecp5" => include_str!("../targets/ecp5.json"),
            _ => return None,
        };
        Some(serde_json::from_str(text).expect("the built-in descriptions are tested"))
    }

    /// The built-in target or description file that `--device` names.
    pub fn find(name_or_file: &str) -> Result<Self, TargetError> {
        if let Some(target) = Self::built_in(name_or_file) {
            return Ok(target);
        }
        let file = std::path::Path::new(name_or_file);
        if !file.exists() {
            return Err(TargetError::Unknown(name_or_file.into()));
        }
        let text = std::fs::read_to_string(file)
            .map_err(|e| TargetError::Unreadable(name_or_file.into(), e))?;
        Self::parse(&text, name_or_file)
    }

    /// Reads the text of a description file; `file` is for messages.
    pub fn parse(text: &str, file: &str) -> Result<Self, TargetError> {
        let target: Self =
            serde_json::from_str(text).map_err(|e| TargetError::Malformed(file.into(), e))?;
        target.check().map_err(|why| TargetError::Senseless(file.into(), why))?;
        Ok(target)
    }

    /// The same target at another clock.
    pub fn at_clock(self, clock_mhz: u32) -> Result<Self, TargetError> {
        let target = Self { clock_mhz, ..self };
        target.check().map_err(|why| TargetError::Senseless(target.name.clone(), why))?;
        Ok(target)
    }

    /// Time for logic between two registers, in picoseconds.
    pub fn logic_ps(&self) -> u32 {
        (1_000_000 / self.clock_mhz).saturating_sub(self.register_overhead_ps)
    }

    /// The highest clock at which `logic_ps` of logic fits between two registers, in MHz.
    pub fn clock_for(&self, logic_ps: u32) -> u32 {
        1_000_000 / (logic_ps + self.register_overhead_ps).max(1)
    }

    fn check(&self) -> Result<(), &'static str> {
        let limits = [
            ((1..=2000).contains(&self.clock_mhz), "the clock must be between 1 and 2000 MHz"),
            ((3..=8).contains(&self.lut_inputs), "look-up tables have 3 to 8 inputs"),
            (self.lut_ps > 0, "a look-up table takes time"),
            (self.hash_latency == 2, "the key table of the cell library answers after 2 stages"),
            (self.value_latency == 1, "the value memory of the cell library answers after 1 stage"),
            (self.bus_bytes == 64, "the cell library's stream is 64 bytes wide"),
            (
                [self.lut_ps, self.carry_bit_ps, self.carry_base_ps, self.dsp_ps, self.bram_out_ps]
                    .iter()
                    .all(|ps| *ps < 1_000_000),
                "delays are below one microsecond",
            ),
            (self.register_overhead_ps < 1_000_000, "delays are below one microsecond"),
        ];
        limits.into_iter().find(|(ok, _)| !ok).map_or(Ok(()), |(_, why)| Err(why))?;
        if self.logic_ps() == 0 {
            return Err("the clock leaves no time for logic");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_targets_make_sense() {
        for name in TargetDesc::BUILT_IN {
            let target = TargetDesc::find(name).expect("built in");
            assert_eq!(target.name, name);
            assert_eq!(target.check(), Ok(()));
        }
    }

    #[test]
    fn a_counter_fits_one_stage_of_every_built_in_target() {
        for name in TargetDesc::BUILT_IN {
            let t = TargetDesc::built_in(name).expect("built in");
            let add = t.carry_base_ps + 64 * t.carry_bit_ps;
            assert!(t.bram_out_ps + t.lut_ps + add + 2 * t.lut_ps <= t.logic_ps(), "{name}");
        }
    }

    #[test]
    fn odd_targets_are_refused() {
        assert!(matches!(TargetDesc::find("no such thing"), Err(TargetError::Unknown(_))));
        let t = TargetDesc::built_in("xcup").expect("built in");
        assert!(t.clone().at_clock(0).is_err());
        assert!(t.clone().at_clock(1999).is_ok_and(|t| t.logic_ps() == 100));
        assert!(t.at_clock(100).is_ok());
    }
}
