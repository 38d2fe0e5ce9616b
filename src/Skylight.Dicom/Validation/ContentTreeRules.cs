namespace Skylight.Dicom;

/// <summary>The content tree of structured reports and key object selections (PS3.3 C.17.3): values, relationships, references, evidence.</summary>
internal static class ContentTreeRules
{
    private const int MaxDepth = 64;

    public static void Check(DicomDataset d, string sopClass, ValidationReport report)
    {
        if (!d.Contains(DicomTags.ValueType) || !Applies(sopClass)) return;
        if (d.GetString(DicomTags.ValueType) is { } root && root != "CONTAINER") report.Add(FindingCodes.ContentItem, DicomTags.ValueType.ToString(), "the root is a CONTAINER");
        var evidence = new EvidenceList(d);
        Item(d, new Place(d, sopClass, "", evidence, report, 0));
        TemplateRules.Check(d, report);
    }

    /// <summary>Classes whose root carries a content tree.</summary>
    public static bool Applies(string sopClass) =>
        sopClass.StartsWith("1.2.840.10008.5.1.4.1.1.88.", StringComparison.Ordinal);

    private sealed record Place(DicomDataset Root, string SopClass, string Path, EvidenceList Evidence, ValidationReport Report, int Depth);

    private static void Item(DicomDataset item, Place at)
    {
        if (at.Report.IsFull || at.Depth > MaxDepth) return;
        if (item.Contains(DicomTags.ReferencedContentItemIdentifier)) Reference(item, at);
        else Value(item, at);
        var children = item.GetItems(DicomTags.ContentSequence);
        for (var i = 0; i < children.Count; i++)
        {
            var below = at with { Path = $"{at.Path}{DicomTags.ContentSequence}[{i + 1}].", Depth = at.Depth + 1 };
            Relationship(item, children[i], below);
            Item(children[i], below);
        }
    }

    /// <summary>What each kind of value must carry (C.17.3.2.1 and C.18).</summary>
    private static void Value(DicomDataset item, Place at)
    {
        var type = item.GetString(DicomTags.ValueType);
        DicomTag? needed = type switch
        {
            "TEXT" => DicomTags.TextValue,
            "CODE" => DicomTags.ConceptCodeSequence,
            "DATETIME" => DicomTags.DateTime,
            "DATE" => DicomTags.Date,
            "TIME" => DicomTags.Time,
            "UIDREF" => DicomTags.UID,
            "PNAME" => DicomTags.PersonName,
            "IMAGE" or "COMPOSITE" or "WAVEFORM" => DicomTags.ReferencedSOPSequence,
            "SCOORD" or "SCOORD3D" => DicomTags.GraphicType,
            "TCOORD" => DicomTags.TemporalRangeType,
            "CONTAINER" => DicomTags.ContinuityOfContent,
            _ => null,
        };
        if (needed is { } tag && (!item.TryGet(tag, out var e) || e.IsEmpty)) at.Report.Add(FindingCodes.ContentItem, at.Path + tag, $"{type} without its value");
        // An empty sequence says that nothing was measured.
        if (type == "NUM" && !item.Contains(DicomTags.MeasuredValueSequence)) at.Report.Add(FindingCodes.ContentItem, at.Path + DicomTags.MeasuredValueSequence, "NUM without its value");
        if (type is "TEXT" or "CODE" or "NUM" or "DATETIME" or "DATE" or "TIME" or "UIDREF" or "PNAME" && item.GetItems(DicomTags.ConceptNameCodeSequence).Count == 0)
            at.Report.Add(FindingCodes.ContentItem, at.Path + DicomTags.ConceptNameCodeSequence, $"{type} without a name");
        if (type is not null && !Allowed(at.SopClass, type)) at.Report.Add(FindingCodes.ContentRelationship, at.Path + DicomTags.ValueType, $"{type} is not of this SOP class");
        if (type is "SCOORD" or "SCOORD3D") Graphic(item, type, at);
        at.Evidence.Check(item, at.Path, at.Report);
    }

    private static void Graphic(DicomDataset item, string type, Place at)
    {
        var dimensions = type == "SCOORD" ? 2 : 3;
        if (!item.TryGet(DicomTags.GraphicData, out var e) || e.Vr.Code != VrCode.FL) return;
        var count = e.Value.Length / 4;
        var points = count / dimensions;
        var fits = count % dimensions == 0 && item.GetString(DicomTags.GraphicType) switch
        {
            "POINT" => points == 1,
            "CIRCLE" => points == 2,
            "ELLIPSE" => points == 4,
            "ELLIPSOID" => points == 6,
            _ => points >= 1,
        };
        if (!fits) at.Report.Add(FindingCodes.ContentItem, at.Path + DicomTags.GraphicData, $"{count} numbers");
        if (type == "SCOORD3D" && item.GetString(DicomTags.ReferencedFrameOfReferenceUID) is null) at.Report.Add(FindingCodes.ContentItem, at.Path + DicomTags.ReferencedFrameOfReferenceUID, "SCOORD3D without its frame of reference");
    }

    private static void Relationship(DicomDataset parent, DicomDataset child, Place at)
    {
        var relationship = child.GetString(DicomTags.RelationshipType);
        var (source, target) = (parent.GetString(DicomTags.ValueType), child.GetString(DicomTags.ValueType));
        var fits = relationship switch
        {
            "CONTAINS" => source is null or "CONTAINER",
            "HAS CONCEPT MOD" => target is null or "TEXT" or "CODE" or "CONTAINER",
            "SELECTED FROM" => source is null or "SCOORD" or "TCOORD" && target is null or "IMAGE" or "WAVEFORM" or "SCOORD" or "TCOORD",
            "HAS PROPERTIES" => source is not "CONTAINER",
            _ => true,
        };
        if (!fits) at.Report.Add(FindingCodes.ContentRelationship, at.Path + DicomTags.RelationshipType, $"{source} {relationship} {target}");
    }

    /// <summary>By-reference relationships name their target by its place in the tree, the root being 1 (C.17.3.2.5).</summary>
    private static void Reference(DicomDataset item, Place at)
    {
        if (at.SopClass is DicomUids.BasicTextSRStorage or DicomUids.EnhancedSRStorage or DicomUids.KeyObjectSelectionDocumentStorage)
            at.Report.Add(FindingCodes.ContentRelationship, at.Path + DicomTags.ReferencedContentItemIdentifier, "this SOP class has no references within its tree");
        var steps = item.GetDoubles(DicomTags.ReferencedContentItemIdentifier);
        DicomDataset? target = steps.Count > 0 && steps[0] == 1 ? at.Root : null;
        foreach (var step in steps.Skip(1))
        {
            var children = target?.GetItems(DicomTags.ContentSequence);
            target = children is not null && step >= 1 && step <= children.Count ? children[(int)step - 1] : null;
        }

        if (target is null || target.Contains(DicomTags.ReferencedContentItemIdentifier)) at.Report.Add(FindingCodes.ReferenceUnknown, at.Path + DicomTags.ReferencedContentItemIdentifier);
    }

    /// <summary>Kinds of values that a class has no room for (PS3.3 A.35).</summary>
    private static bool Allowed(string sopClass, string type) => sopClass switch
    {
        DicomUids.BasicTextSRStorage => type is not ("NUM" or "SCOORD" or "SCOORD3D" or "TCOORD" or "TABLE"),
        DicomUids.EnhancedSRStorage or DicomUids.ComprehensiveSRStorage => type is not ("SCOORD3D" or "TABLE"),
        DicomUids.KeyObjectSelectionDocumentStorage => type is "CONTAINER" or "TEXT" or "CODE" or "UIDREF" or "PNAME" or "IMAGE" or "WAVEFORM" or "COMPOSITE",
        _ => true,
    };
}

/// <summary>The instances that a document says it is based on: what its content refers to must be among them (PS3.3 C.17.2.3).</summary>
internal sealed class EvidenceList
{
    private readonly HashSet<string> _uids = new(StringComparer.Ordinal);
    private readonly bool _declared;

    public EvidenceList(DicomDataset document)
    {
        foreach (var tag in (DicomTag[])[DicomTags.CurrentRequestedProcedureEvidenceSequence, DicomTags.PertinentOtherEvidenceSequence])
        {
            foreach (var study in document.GetItems(tag))
            {
                _declared = true;
                foreach (var series in study.GetItems(DicomTags.ReferencedSeriesSequence))
                    foreach (var instance in series.GetItems(DicomTags.ReferencedSOPSequence))
                        if (instance.GetString(DicomTags.ReferencedSOPInstanceUID) is { } uid) _uids.Add(uid);
            }
        }
    }

    public void Check(DicomDataset item, string path, ValidationReport report)
    {
        if (!_declared) return;
        var references = item.GetItems(DicomTags.ReferencedSOPSequence);
        for (var i = 0; i < references.Count; i++)
            if (references[i].GetString(DicomTags.ReferencedSOPInstanceUID) is { } uid && !_uids.Contains(uid))
                report.Add(FindingCodes.EvidenceMissing, $"{path}{DicomTags.ReferencedSOPSequence}[{i + 1}].{DicomTags.ReferencedSOPInstanceUID}");
    }
}
