namespace Skylight.EndToEnd.Tests.Access;

/// <summary>
/// Who gets in where: one row for each HTTP function, by name. An expectation reads <c>in: A B; 403: C; else 404</c>. Callers:
/// SYS and PSEC (the operator's system and security administrator), INST, SEC, AUD (administrators), RAD, CLI (clinician without, CLI+ with a care
/// relation), TEC, REC (medical records), UPL (upload node that made the session, UPL2 another one), PAT (without, PAT+ with a verified link), all of institution "demo".
/// </summary>
/// <param name="Own">Towards an object of the caller's institution, or of demo where the route or query names the institution.</param>
/// <param name="Other">Towards the same of another institution, where a request can name one; PAT+ has a link there too.</param>
public sealed record RouteRow(string Function, string Own, string? Other = null, Func<RouteWorld, HttpContent?>? Body = null, string? OtherQuery = null)
{
    /// <summary>Open to everybody, signed in or not.</summary>
    public const string Public = "public";

    private const string ReadStudy = "in: RAD CLI+ PAT+; else 404";
    private const string LinkedOnly = "in: PAT+; else 404";
    private const string Nobody = "else 404";
    private const string Search = "in: RAD CLI CLI+ PAT PAT+; else 403";
    private const string SearchNamed = "in: RAD CLI CLI+ PAT PAT+; 404: SYS PSEC; else 403";
    private const string Store = "in: TEC UPL UPL2; else 403";
    private const string OneUpload = "in: TEC UPL; else 404";
    private const string OneAccount = "in: SEC; 404: PSEC; else 403";
    private const string ElsewhereByOperator = "in: PSEC; else 404";
    private const string Delete = "in: TEC REC; 403: RAD CLI+ PAT+; else 404";
    private const string Records = "in: REC; 403: RAD CLI+ PAT+; else 404";

    /// <summary>By an id that is nobody's: who may ask learns that it is not there.</summary>
    private const string NoneSuch = "404: TEC REC; else 403";
    private const string Keys = "in: SEC PSEC; else 403";
    private const string RecordsNoneSuch = "404: REC; else 403";
    private const string Relations = "in: INST; else 403";

    public static IReadOnlyList<RouteRow> All { get; } =
    [
        new("identity-discovery", Public),
        new("identity-keys", Public),
        new("identity-token", Public, Body: _ => new FormUrlEncodedContent([new("grant_type", "password")])),
        new("identity-login", Public, Body: _ => RouteWorld.Json("{}")),
        new("identity-authorize", Public),
        new("identity-authorize-submit", Public, Body: _ => new FormUrlEncodedContent([])),

        new("me", "in: *"),
        new("me-password", "in: *", Body: _ => RouteWorld.Json("{}")),

        new("accounts-list", "in: SEC PSEC; else 403", ElsewhereByOperator, OtherQuery: "institution=other"),
        new("accounts-create", "in: SEC PSEC; else 403", ElsewhereByOperator, _ => RouteWorld.Json("{}"), "institution=other"),
        new("accounts-get", OneAccount, ElsewhereByOperator, OtherQuery: "institution=other"),
        new("accounts-change", OneAccount, ElsewhereByOperator, _ => RouteWorld.Json("{}"), "institution=other"),
        new("accounts-password", OneAccount, ElsewhereByOperator, OtherQuery: "institution=other"),
        new("accounts-logins", OneAccount, ElsewhereByOperator, _ => RouteWorld.Json("{\"items\":[]}"), "institution=other"),

        new("institutions-list", "in: SYS; else 403"),
        new("institutions-create", "in: SYS; else 403", Body: _ => RouteWorld.Json("{}")),
        new("institutions-get", "in: SYS INST; 404: PSEC; else 403", "in: SYS; else 404"),
        new("institutions-put", "in: SYS INST; 404: PSEC; else 403", "in: SYS; else 404", _ => RouteWorld.Json("{}")),

        new("care-relations-list", Relations),
        new("care-relations-create", Relations, Body: _ => RouteWorld.Json("{}")),
        new("care-relations-revoke", Relations, "404: INST; else 403"),
        new("person-links-list", Relations),
        new("person-links-create", Relations, Body: _ => RouteWorld.Json("{}")),
        new("person-links-revoke", Relations, "404: INST; else 403"),

        new("maintenance-start", Keys, ElsewhereByOperator, _ => RouteWorld.Json("{}"), "institution=other"),
        new("maintenance-list", Keys, ElsewhereByOperator, OtherQuery: "institution=other"),
        new("seal-policy-get", Keys, ElsewhereByOperator, OtherQuery: "institution=other"),
        new("seal-policy-put", Keys, ElsewhereByOperator, _ => RouteWorld.Json("{}"), "institution=other"),
        new("maintenance-get", "404: SEC PSEC; else 403", Nobody, OtherQuery: "institution=other"),
        new("maintenance-pause", "404: SEC PSEC; else 403", Nobody, OtherQuery: "institution=other"),
        new("maintenance-resume", "404: SEC PSEC; else 403", Nobody, OtherQuery: "institution=other"),

        new("audit-list", "in: AUD; else 403", Nobody, OtherQuery: "institution=other"),
        new("audit-verify", "in: AUD; else 403", Nobody, OtherQuery: "institution=other"),

        new("uploads-open", Store),
        new("uploads-get", OneUpload, Nobody),
        new("uploads-blobs", OneUpload, Nobody),
        new("uploads-complete", OneUpload, Nobody),
        new("uploads-cancel", OneUpload, Nobody),
        new("uploads-delete", OneUpload, Nobody),

        new("intake-list", "in: TEC; else 403"),
        new("intake-get", "in: TEC; else 403", "404: TEC; else 403"),
        new("intake-accept", "in: TEC; else 403", "404: TEC; else 403"),
        new("intake-link", "in: TEC; else 403", "404: TEC; else 403"),
        new("intake-reassign", "in: TEC; else 403", "404: TEC; else 403"),
        new("intake-reject", "in: TEC; else 403", "404: TEC; else 403"),

        new("studies-search", Search, LinkedOnly, OtherQuery: "institution=other"),
        new("studies-availability", ReadStudy, LinkedOnly, OtherQuery: "institution=other"),
        new("studies-rehydrate", ReadStudy, LinkedOnly, OtherQuery: "institution=other"),
        new("statistics-list", "in: INST; else 403"),
        new("statistics-create", "in: INST; else 403", Body: _ => RouteWorld.Json("{}")),
        new("statistics-get", "404: INST; else 403"),
        new("statistics-delete", "404: INST; else 403"),
        new("tier-policy-get", "in: INST; else 403"),
        new("tier-policy-put", "in: INST; else 403", Body: _ => RouteWorld.Json("{}")),
        new("tier-sweep", "in: INST; else 403"),
        new("tier-sweep-get", "404: INST; else 403"),
        new("compression-state", "in: INST; else 403"),
        new("compression-policy-get", "in: INST; else 403"),
        new("compression-policy-put", "in: INST; else 403", Body: _ => RouteWorld.Json("{}")),
        new("compression-sweep", "in: INST; else 403"),
        new("compression-sweep-get", "404: INST; else 403"),
        new("SearchStudies", Search),
        new("SearchSeries", Search),
        new("SearchInstances", Search),
        new("SearchStudySeries", ReadStudy, Nobody),
        new("SearchStudyInstances", ReadStudy, Nobody),
        new("SearchSeriesInstances", ReadStudy, Nobody),
        new("InstitutionSearchStudies", SearchNamed, LinkedOnly),
        new("InstitutionSearchSeries", SearchNamed, LinkedOnly),
        new("InstitutionSearchInstances", SearchNamed, LinkedOnly),
        new("InstitutionSearchStudySeries", ReadStudy, LinkedOnly),
        new("InstitutionSearchStudyInstances", ReadStudy, LinkedOnly),
        new("InstitutionSearchSeriesInstances", ReadStudy, LinkedOnly),

        new("StudyMetadata", ReadStudy, Nobody),
        new("SeriesMetadata", ReadStudy, Nobody),
        new("InstanceMetadata", ReadStudy, Nobody),
        new("RetrieveStudy", ReadStudy, Nobody),
        new("RetrieveSeries", ReadStudy, Nobody),
        new("RetrieveInstance", ReadStudy, Nobody),
        new("RetrieveFrames", ReadStudy, Nobody),
        new("RetrieveBulkData", ReadStudy, Nobody),
        new("RenderedStudy", ReadStudy, Nobody),
        new("RenderedSeries", ReadStudy, Nobody),
        new("RenderedInstance", ReadStudy, Nobody),
        new("RenderedFrames", ReadStudy, Nobody),
        new("ThumbnailStudy", ReadStudy, Nobody),
        new("ThumbnailSeries", ReadStudy, Nobody),
        new("ThumbnailInstance", ReadStudy, Nobody),
        new("ThumbnailFrames", ReadStudy, Nobody),
        new("InstitutionStudyMetadata", ReadStudy, LinkedOnly),
        new("InstitutionSeriesMetadata", ReadStudy, LinkedOnly),
        new("InstitutionInstanceMetadata", ReadStudy, LinkedOnly),
        new("InstitutionRetrieveStudy", ReadStudy, LinkedOnly),
        new("InstitutionRetrieveSeries", ReadStudy, LinkedOnly),
        new("InstitutionRetrieveInstance", ReadStudy, LinkedOnly),
        new("InstitutionRetrieveFrames", ReadStudy, LinkedOnly),
        new("InstitutionRetrieveBulkData", ReadStudy, LinkedOnly),
        new("InstitutionRenderedStudy", ReadStudy, LinkedOnly),
        new("InstitutionRenderedSeries", ReadStudy, LinkedOnly),
        new("InstitutionRenderedInstance", ReadStudy, LinkedOnly),
        new("InstitutionRenderedFrames", ReadStudy, LinkedOnly),
        new("InstitutionThumbnailStudy", ReadStudy, LinkedOnly),
        new("InstitutionThumbnailSeries", ReadStudy, LinkedOnly),
        new("InstitutionThumbnailInstance", ReadStudy, LinkedOnly),
        new("InstitutionThumbnailFrames", ReadStudy, LinkedOnly),
        new("OriginalInstance", "in: RAD TEC; 403: CLI+ PAT+; else 404", Nobody),

        new("Store", Store, Body: w => w.Dicom()),
        new("StoreStudy", Store, Body: w => w.Dicom()),
        new("InstitutionStore", "in: TEC UPL UPL2; 404: SYS PSEC; else 403", Nobody, w => w.Dicom()),
        new("InstitutionStoreStudy", "in: TEC UPL UPL2; 404: SYS PSEC; else 403", Nobody, w => w.Dicom()),
        new("DeleteStudy", Delete, Nobody),
        new("DeleteSeries", Delete, Nobody),
        new("DeleteInstance", Delete, Nobody),
        new("InstitutionDeleteStudy", Delete, "403: PAT+; else 404"),
        new("InstitutionDeleteSeries", Delete, "403: PAT+; else 404"),
        new("InstitutionDeleteInstance", Delete, "403: PAT+; else 404"),

        new("deletions-list", "in: TEC REC; else 403"),
        new("deletions-get", NoneSuch),
        new("deletions-restore", NoneSuch),
        new("deletions-erase", RecordsNoneSuch, Body: _ => RouteWorld.Json("{}")),
        new("erasures-request", "in: REC PAT+; 403: RAD CLI+; else 404", Nobody, _ => RouteWorld.Json("{}")),
        new("erasures-list", "in: REC; else 403"),
        new("erasures-get", RecordsNoneSuch),
        new("erasures-certificate", RecordsNoneSuch),
        new("erasures-approve", RecordsNoneSuch),
        new("erasures-refuse", RecordsNoneSuch),
        new("corrections-propose", "in: RAD TEC REC; 403: CLI+ PAT+; else 404", Nobody, _ => RouteWorld.Json("{}")),
        new("corrections-of-study", "in: RAD TEC REC; 403: CLI+ PAT+; else 404", Nobody),
        new("corrections-list", "in: REC; else 403"),
        new("corrections-approve", RecordsNoneSuch),
        new("corrections-refuse", RecordsNoneSuch),
        new("corrections-undo", RecordsNoneSuch),
        new("versions-list", "in: RAD TEC; 403: CLI+ PAT+; else 404", Nobody),
        new("versions-get", "in: RAD TEC; 403: CLI+ PAT+; else 404", Nobody),
        new("versions-restore", "in: TEC REC; 403: RAD CLI+ PAT+; else 404", Nobody),
        new("retention-get", "in: RAD TEC REC; 403: CLI+ PAT+; else 404", Nobody),
        new("encounter-put", Records, Nobody, _ => RouteWorld.Json("{\"kind\":\"outpatient\"}")),
        new("holds-set", Records, Nobody, _ => RouteWorld.Json("{}")),
        new("holds-release", "403: RAD CLI+ PAT+; else 404", Nobody),
    ];

    /// <summary>What a caller is to get: "in", "403" or "404".</summary>
    public static string Expected(string expectation, string caller)
    {
        foreach (var part in expectation.Split(';', StringSplitOptions.TrimEntries))
        {
            if (part.StartsWith("else ", StringComparison.Ordinal)) return part[5..];
            var (outcome, callers) = part.Split(':', 2) is [var o, var c] ? (o, c.Split(' ', StringSplitOptions.RemoveEmptyEntries)) : throw new FormatException(part);
            if (callers.Contains("*") || callers.Contains(caller)) return outcome;
        }

        throw new FormatException(expectation);
    }
}
