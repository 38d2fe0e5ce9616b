using System.Collections.Immutable;

namespace Skylight.Core.Access;

/// <summary>Where a rule comes from, which decides what can outweigh it.</summary>
public enum Force
{
    /// <summary>Statute or binding regulation: nothing outweighs a denial.</summary>
    Law,

    /// <summary>Recommended standard: a recorded deviation outweighs a denial.</summary>
    Standard,

    /// <summary>A choice of this product.</summary>
    Design,
}

public enum Effect
{
    /// <summary>Refuses.</summary>
    Deny,

    /// <summary>A ground on which the action may stand.</summary>
    Basis,

    /// <summary>A precondition that evidence has to meet.</summary>
    Require,

    /// <summary>Obligations attached to a permit.</summary>
    Oblige,
}

/// <summary>Conditions on the situation; a rule applies when all that it names hold.</summary>
[Flags]
public enum Conditions
{
    None = 0,

    /// <summary>The object belongs to the actor's institution.</summary>
    OwnInstitution = 1,

    /// <summary>The actor made the object, or the object is no particular one.</summary>
    OwnObject = 2,

    /// <summary>An active care relation covers the object, or the object is no particular study.</summary>
    CareRelation = 4,

    /// <summary>A verified person link reaches the object's patient, or the object is no particular study.</summary>
    PersonLink = 8,

    /// <summary>The actor belongs to the operator.</summary>
    PlatformActor = 16,

    /// <summary>The object is of level 5.</summary>
    Level5 = 32,

    /// <summary>No active care relation as the attending physician covers the object.</summary>
    NotAttending = 64,

    /// <summary>The object is no particular study.</summary>
    NoParticularStudy = 128,
}

/// <summary>One rule of the catalogue: data, evaluated by <see cref="AccessPolicy.Decide"/>.</summary>
/// <param name="Id">Stable id; goes to the audit.</param>
/// <param name="Source">The clause or the reason.</param>
/// <param name="Roles">Roles it is about; empty means everybody.</param>
/// <param name="Actions">Actions it is about; empty means all.</param>
/// <param name="Purposes">Purposes it is about; empty means all.</param>
public sealed record Rule(
    string Id,
    string Source,
    Force Force,
    Effect Effect,
    ImmutableArray<Role> Roles,
    ImmutableArray<AccessAction> Actions,
    ImmutableArray<Purpose> Purposes,
    Conditions When,
    ImmutableArray<Requirement> Requirements,
    ImmutableArray<Obligation> Obligations);
