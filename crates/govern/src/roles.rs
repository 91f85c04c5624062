//! Who may do what: roles, rights, and the table that joins them.
//!
//! Deny is the default: a right that no role of somebody's has is not theirs. An approver does not plan and an auditor
//! changes nothing; that nobody approves what they proposed is checked where something is approved, by name.

use endcap_model::Function;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What somebody is to the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Reads plans and evidence.
    Viewer,
    /// Plans promotions.
    Planner,
    /// Plans orders, allocations and transfers.
    SupplyPlanner,
    /// Signs plans for a function.
    Approver(Function),
    /// Works on estimates and forecasts.
    DataScientist,
    /// Manages accounts, sources and settings; plans nothing.
    Admin,
    /// Reads everything, also who did what; changes nothing.
    Auditor,
}

/// Something that can be done at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See plans, supply, evidence and data.
    Read,
    /// Make and change boards, and propose them.
    Plan,
    /// Change how supply answers: orders, transfers, overrides of stock.
    PlanSupply,
    /// Sign or refuse a proposal.
    Approve,
    /// Edit coefficients and forecasts.
    Estimate,
    /// Bring in data.
    Ingest,
    /// Manage accounts and everybody's tokens.
    Administer,
    /// Read who did what.
    Audit,
}

impl Right {
    /// All rights.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Plan,
        Self::PlanSupply,
        Self::Approve,
        Self::Estimate,
        Self::Ingest,
        Self::Administer,
        Self::Audit,
    ];
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 10] = [
        Self::Viewer,
        Self::Planner,
        Self::SupplyPlanner,
        Self::Approver(Function::Category),
        Self::Approver(Function::Finance),
        Self::Approver(Function::Supply),
        Self::Approver(Function::Legal),
        Self::DataScientist,
        Self::Admin,
        Self::Auditor,
    ];

    /// The rights of the role.
    pub fn rights(self) -> &'static [Right] {
        match self {
            Self::Viewer => &[Right::Read],
            Self::Planner => &[Right::Read, Right::Plan],
            Self::SupplyPlanner => &[Right::Read, Right::PlanSupply],
            Self::Approver(_) => &[Right::Read, Right::Approve],
            Self::DataScientist => &[Right::Read, Right::Estimate, Right::Ingest],
            Self::Admin => &[Right::Read, Right::Ingest, Right::Administer],
            Self::Auditor => &[Right::Read, Right::Audit],
        }
    }

    /// The name in files and over the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Planner => "planner",
            Self::SupplyPlanner => "supply_planner",
            Self::Approver(Function::Category) => "approver_category",
            Self::Approver(Function::Finance) => "approver_finance",
            Self::Approver(Function::Supply) => "approver_supply",
            Self::Approver(Function::Legal) => "approver_legal",
            Self::DataScientist => "data_scientist",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }
}

/// Whether somebody with these roles has a right.
pub fn may(roles: &[Role], right: Right) -> bool {
    roles.iter().any(|role| role.rights().contains(&right))
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|role| role.name()).collect();
            format!("'{text}' is no role: expected one of {}", names.join(", "))
        })
    }
}

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_both_plans_and_approves_and_an_auditor_changes_nothing() {
        for role in Role::ALL {
            assert!(!(may(&[role], Right::Plan) && may(&[role], Right::Approve)), "{role}");
        }
        assert_eq!(Role::Auditor.rights(), [Right::Read, Right::Audit]);
    }

    #[test]
    fn without_a_role_nothing_is_allowed() {
        assert!(!may(&[], Right::Read));
    }

    #[test]
    fn every_role_reads_back_from_its_name_and_others_are_refused() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().unwrap_err().contains("supply_planner"));
    }
}
