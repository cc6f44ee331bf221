//! Taking the last change back: the files as they were, byte for byte, if nobody wrote them since; else our part of it.

use crate::file::{self, Readers};
use crate::plan::{Change, Plan};
use crate::record::{self, Record, Wired};
use crate::wire::kept;
use crate::{WiringError, Wirings};

impl Wirings {
    /// Plans to take the last change back.
    ///
    /// # Errors
    /// [`WiringError::NothingToUndo`], [`WiringError::NoWayBack`], and what the files say.
    pub fn undo(&self) -> Result<Plan, WiringError> {
        let record = Record::read(&self.root)?;
        let step = record.steps.last().ok_or(WiringError::NothingToUndo)?;
        let mut changes = Vec::new();
        let came = |w: &&Wired| {
            let part = step.files.iter().find(|part| part.file == w.file);
            part.is_some_and(|part| !part.wired.contains(w))
        };
        let keys: Vec<String> = record.wired.iter().filter(came).filter_map(|w| w.key.clone()).collect();
        for part in &step.files {
            let client = self.client(&part.client)?;
            let mut change = Change::begin(client, part.file.clone(), Readers::Person)?;
            if file::print(change.before()) == part.after {
                change.restore(part.copy.as_ref().map(|name| kept(&self.root, name)).transpose()?);
                changes.push(change);
                continue;
            }
            let copy = part.copy.as_ref().map(|name| record::copy(&self.root, name)).unwrap_or_default();
            let no_way = || WiringError::NoWayBack { path: part.file.clone(), copy: copy.clone() };
            // what came in goes out; what went out is not brought back into a file that somebody has written since
            let now: Vec<_> = record.wired.iter().filter(|w| w.file == part.file).collect();
            let gone = part.wired.iter().any(|was| !now.iter().any(|is| is.place == was.place));
            let came: Vec<_> = now.iter().filter(|is| !part.wired.contains(is)).collect();
            if gone || came.is_empty() {
                return Err(no_way());
            }
            for wired in came {
                change.take(client, &wired.place, Some(&wired.made)).map_err(|_| no_way())?;
                change.remove(wired.key());
            }
            changes.push(change);
        }
        let mut plan = Plan::new(&self.root, format!("take back: {}", step.what), changes)?;
        plan.undoes = Some(step.id);
        plan.keys = keys;
        Ok(plan)
    }
}
