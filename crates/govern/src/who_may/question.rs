//! Questions to the policies: who does what to what, under which circumstances.

use crate::gate::Intent;
use crate::ladder::{self, Ladder};
use crate::{Right, Role};
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use endcap_model::{Autonomy, Channel};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Who.
    pub actor: Actor,
    /// What.
    pub act: Act,
    /// To what.
    #[serde(default)]
    pub field: Field,
    /// Under which circumstances.
    pub circumstances: Circumstances,
}

/// Somebody or something that wants to do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Name of the account or agent.
    pub name: String,
    /// Names of its roles; agents have the role `agent`.
    pub roles: Vec<String>,
    /// Whether it is a person.
    pub human: bool,
    /// Whether the account is suspended.
    pub suspended: bool,
}

/// A category in a channel; both empty for the desk as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Category.
    pub category: String,
    /// Channel.
    pub channel: Option<Channel>,
}

/// What holds while it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// Rung of the machine in the field.
    pub autonomy: Autonomy,
    /// Whether the people who have to have approved exactly this.
    pub approved: bool,
    /// Whether the time in which a person could stop it is over.
    pub veto_over: bool,
    /// Different people who ask for it together.
    pub people: u32,
    /// Whether it is the actor's own proposal.
    pub own: bool,
}

/// Something that policies speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// See plans, supply, evidence and data.
    Read,
    /// Make and change boards, and propose them.
    Plan,
    /// Change how supply answers.
    PlanSupply,
    /// Sign or refuse a proposal.
    Approve,
    /// Edit coefficients and forecasts.
    Estimate,
    /// Bring in data.
    Ingest,
    /// Manage accounts.
    Administer,
    /// Read who did what.
    Audit,
    /// Stop everything new in a scope.
    Freeze,
    /// Return to approved base prices.
    Revert,
    /// Lower the machine's rung.
    Lower,
    /// End a freeze.
    Resume,
    /// Raise the machine's rung.
    Raise,
    /// Make limits tighter.
    TightenLimits,
    /// Make limits looser.
    LoosenLimits,
    /// Declare an emergency.
    BreakGlass,
    /// Set a price.
    SetPrice,
    /// Begin an offer.
    StartOffer,
    /// Change an offer.
    ChangeOffer,
    /// Order from a supplier.
    Order,
    /// Move stock.
    Transfer,
    /// End an offer.
    EndOffer,
}

impl Act {
    /// All acts.
    pub const ALL: [Self; 22] = [
        Self::Read,
        Self::Plan,
        Self::PlanSupply,
        Self::Approve,
        Self::Estimate,
        Self::Ingest,
        Self::Administer,
        Self::Audit,
        Self::Freeze,
        Self::Revert,
        Self::Lower,
        Self::Resume,
        Self::Raise,
        Self::TightenLimits,
        Self::LoosenLimits,
        Self::BreakGlass,
        Self::SetPrice,
        Self::StartOffer,
        Self::ChangeOffer,
        Self::Order,
        Self::Transfer,
        Self::EndOffer,
    ];

    /// The name in policies and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Plan => "plan",
            Self::PlanSupply => "plan_supply",
            Self::Approve => "approve",
            Self::Estimate => "estimate",
            Self::Ingest => "ingest",
            Self::Administer => "administer",
            Self::Audit => "audit",
            Self::Freeze => "freeze",
            Self::Revert => "revert",
            Self::Lower => "lower",
            Self::Resume => "resume",
            Self::Raise => "raise",
            Self::TightenLimits => "tighten_limits",
            Self::LoosenLimits => "loosen_limits",
            Self::BreakGlass => "break_glass",
            Self::SetPrice => "set_price",
            Self::StartOffer => "start_offer",
            Self::ChangeOffer => "change_offer",
            Self::Order => "order",
            Self::Transfer => "transfer",
            Self::EndOffer => "end_offer",
        }
    }

    /// Whether something leaves the house by it.
    pub fn sends(self) -> bool {
        matches!(
            self,
            Self::SetPrice | Self::StartOffer | Self::ChangeOffer | Self::Order | Self::Transfer | Self::EndOffer
        )
    }
}

impl From<Right> for Act {
    fn from(right: Right) -> Self {
        match right {
            Right::Read => Self::Read,
            Right::Plan => Self::Plan,
            Right::PlanSupply => Self::PlanSupply,
            Right::Approve => Self::Approve,
            Right::Estimate => Self::Estimate,
            Right::Ingest => Self::Ingest,
            Right::Administer => Self::Administer,
            Right::Audit => Self::Audit,
        }
    }
}

impl From<&crate::gate::Action> for Act {
    fn from(action: &crate::gate::Action) -> Self {
        use crate::gate::Action;
        match action {
            Action::SetPrice { .. } => Self::SetPrice,
            Action::StartOffer { .. } => Self::StartOffer,
            Action::ChangeOffer { .. } => Self::ChangeOffer,
            Action::EndOffer { .. } => Self::EndOffer,
            Action::Order { .. } => Self::Order,
            Action::Transfer { .. } => Self::Transfer,
        }
    }
}

impl Actor {
    /// A person with roles of the desk.
    pub fn person(name: &str, roles: &[Role]) -> Self {
        let roles = roles.iter().map(|role| role.name().to_owned()).collect();
        Self { name: name.to_owned(), roles, human: true, suspended: false }
    }

    /// An agent.
    pub fn agent(name: &str) -> Self {
        Self { name: name.to_owned(), roles: vec!["agent".to_owned()], human: false, suspended: false }
    }
}

impl Question {
    /// Asks whether an intent may be sent by the one that it names, on the rung where the machine stands in its field.
    ///
    /// A name that nobody has asks without a role, which no policy should permit anything.
    pub fn about(
        intent: &Intent,
        actors: &BTreeMap<String, Actor>,
        ladder: &Ladder,
        approved: bool,
        veto_over: bool,
    ) -> Self {
        let nobody = || Actor { name: intent.agent.clone(), roles: vec![], human: false, suspended: true };
        let actor = actors.get(&intent.agent).cloned().unwrap_or_else(nobody);
        let (category, channel) = (intent.category.clone(), intent.channel.clone());
        let rung =
            ladder::Field { category: category.clone(), channel: channel.clone(), action: intent.action.name().into() };
        Self {
            actor,
            act: Act::from(&intent.action),
            field: Field { category, channel: Some(channel) },
            circumstances: Circumstances {
                autonomy: ladder.autonomy(&rung),
                approved,
                veto_over,
                people: 1,
                own: false,
            },
        }
    }

    /// Puts it as Cedar reads it, checked against the schema.
    pub(super) fn posed(&self, schema: &Schema) -> Result<(Request, Entities), String> {
        let actor = uid("User", &self.actor.name)?;
        let action = uid("Action", self.act.name())?;
        let channel = self.field.channel.as_ref().map_or("", Channel::as_str);
        let field = uid("Field", &format!("{}/{channel}", self.field.category))?;
        let context = self.circumstances.context()?;
        let request = Request::new(actor.clone(), action, field.clone(), context, Some(schema)).map_err(text)?;

        let mut entities = vec![self.actor.entity(actor)?];
        for role in &self.actor.roles {
            entities.push(role_entity(role)?);
        }
        let attributes = HashMap::from([
            ("category".to_owned(), RestrictedExpression::new_string(self.field.category.clone())),
            ("channel".to_owned(), RestrictedExpression::new_string(channel.to_owned())),
        ]);
        entities.push(Entity::new(field, attributes, HashSet::new()).map_err(text)?);
        Ok((request, Entities::from_entities(entities, Some(schema)).map_err(text)?))
    }
}

impl Actor {
    fn entity(&self, uid_of: EntityUid) -> Result<Entity, String> {
        let roles = self.roles.iter().map(|role| uid("Role", role)).collect::<Result<HashSet<_>, _>>()?;
        let attributes = HashMap::from([
            ("human".to_owned(), RestrictedExpression::new_bool(self.human)),
            ("suspended".to_owned(), RestrictedExpression::new_bool(self.suspended)),
        ]);
        Entity::new(uid_of, attributes, roles).map_err(text)
    }
}

impl Circumstances {
    fn context(&self) -> Result<Context, String> {
        let autonomy = self.autonomy as i64;
        let pairs = [
            ("autonomy", RestrictedExpression::new_long(autonomy)),
            ("approved", RestrictedExpression::new_bool(self.approved)),
            ("veto_over", RestrictedExpression::new_bool(self.veto_over)),
            ("people", RestrictedExpression::new_long(self.people.into())),
            ("own", RestrictedExpression::new_bool(self.own)),
        ];
        Context::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value))).map_err(text)
    }
}

/// A role with the one above it: every function that approves is an approver.
fn role_entity(role: &str) -> Result<Entity, String> {
    let is_approver = matches!(role.parse(), Ok(Role::Approver(_)));
    let above = if is_approver { HashSet::from([uid("Role", "approver")?]) } else { HashSet::new() };
    Ok(Entity::new_no_attrs(uid("Role", role)?, above))
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    Ok(EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind).map_err(text)?, EntityId::new(id)))
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
